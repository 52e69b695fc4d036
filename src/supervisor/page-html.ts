import { fullNameOf } from './face-acts.ts'
import type { ProcessInfo } from './operations.ts'
import { isRunning } from './states.ts'

/** Text that is HTML already. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | readonly Html[]

const MARKS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A template of HTML: whatever is put into it is text, unless it is HTML itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] as string
  for (const [i, part] of parts.entries()) text += written(part) + (strings[i + 1] as string)
  return new Html(text)
}

function written(part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(({ text }) => text).join('')
  return String(part).replace(/[&<>"']/g, (mark) => MARKS[mark] as string)
}

/** What is said above a page: that something was done, or why not. */
export interface Notice {
  readonly text: string
  readonly isError: boolean
}

interface PageOptions {
  readonly title: string
  readonly notice?: Notice | undefined
  readonly body: Html
}

/** A whole page. */
export function pageOf({ title, notice, body }: PageOptions): string {
  const said = notice
    ? html`<p class="notice${notice.isError ? ' error' : ''}" role="${notice.isError ? 'alert' : 'status'}">
        ${notice.text}
      </p>`
    : html``
  return html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/page.css" />
        <script src="/page.js" defer></script>
      </head>
      <body>
        ${said} ${body}
      </body>
    </html> `.text
}

export interface StatusPage {
  readonly identification: string
  readonly version: string
  readonly pid: number
  readonly statename: string
  readonly processes: readonly ProcessInfo[]
  readonly notice?: Notice | undefined
}

/** All processes, and what can be done with them. */
export function statusPage({ identification, version, pid, statename, processes, notice }: StatusPage): string {
  const counts = new Map<string, number>()
  for (const { statename: state } of processes) counts.set(state, (counts.get(state) ?? 0) + 1)
  const summary = [...counts].map(([state, count]) => html`<li>${count} ${badge(state)}</li>`)
  const rows = processes.map(row)
  const body = html`<header>
      <h1>${identification}</h1>
      <p class="about" data-live="about">${statename} · pid ${pid} · ${version}</p>
      <ul class="summary" data-live="summary">
        ${summary}
      </ul>
    </header>
    <main>
      <form class="all" method="post" action="/act">
        ${button('refresh', 'Refresh', '/')} ${button('restart', 'Restart all')} ${button('stop', 'Stop all')}
        ${button('reread', 'Reread')} ${button('update', 'Update')}
        <a href="/tail">Supervisor log</a>
      </form>
      <table>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Name</th>
            <th scope="col">Description</th>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody data-live="rows">
          ${
            rows.length > 0
              ? rows
              : html`<tr>
                  <td colspan="4">No programs are configured.</td>
                </tr>`
          }
        </tbody>
      </table>
    </main>`
  return pageOf({ title: `${identification}: processes`, notice, body })
}

function badge(state: string): Html {
  return html`<span class="state ${state.toLowerCase()}">${state}</span>`
}

function button(act: string, label: string, formaction?: string): Html {
  if (formaction !== undefined) return html`<a href="${formaction}">${label}</a>`
  return html`<button name="act" value="${act}">${label}</button>`
}

function row(info: ProcessInfo): Html {
  const { statename, description } = info
  const name = fullNameOf(info)
  const acts = isRunning(statename)
    ? [button('restart', 'Restart'), button('stop', 'Stop')]
    : statename === 'STOPPING'
      ? []
      : [button('start', 'Start')]
  return html`<tr data-key="${name}">
    <td>${badge(statename)}</td>
    <th scope="row">${name}</th>
    <td class="description">${description}</td>
    <td class="acts">
      <form method="post" action="/act" aria-label="${name}">
        <input type="hidden" name="name" value="${name}" />${acts}${button('clear', 'Clear log')}<a
          href="/tail/${encodeURIComponent(name)}/stdout"
          >stdout</a
        ><a href="/tail/${encodeURIComponent(name)}/stderr">stderr</a>
      </form>
    </td>
  </tr> `
}

export interface TailPage {
  /** `group:process` and its channel; undefined: the supervisor's own log. */
  readonly of: { readonly name: string; readonly channel: string } | undefined
  readonly text: string
  /** Where it goes on as it grows. */
  readonly stream: string
  readonly notice?: Notice | undefined
}

/** The end of a log. */
export function tailPage({ of, text, stream, notice }: TailPage): string {
  const title = of ? `${of.name} ${of.channel}` : 'Supervisor log'
  const clear = of
    ? html`<form class="all" method="post" action="/act">
        <input type="hidden" name="name" value="${of.name}" />${button('clear', 'Clear log')}
      </form>`
    : html``
  const body = html`<header>
      <p><a href="/">All processes</a></p>
      <h1>${title}</h1>
      ${clear}
    </header>
    <main><pre data-stream="${stream}" tabindex="0" aria-label="${title}">${text}</pre></main>`
  return pageOf({ title, notice, body })
}
