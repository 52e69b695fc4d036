/** The style of the page, in the colours that the browser prefers. */
export const PAGE_CSS = `:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1b1f24; --dim: #57606a; --line: #d0d7de; --raised: #f6f8fa; --link: #0757ba;
  --good: #116329; --good-ground: #dafbe1; --wait: #7a4b00; --wait-ground: #fff1c2; --bad: #a40e26; --bad-ground: #ffe3e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1317; --text: #e6e9ec; --dim: #9aa5b1; --line: #313a44; --raised: #191f26; --link: #79b8ff;
    --good: #7ee2a0; --good-ground: #123020; --wait: #f2cc60; --wait-ground: #372a06; --bad: #ff9d94; --bad-ground: #48141a;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }
a { color: var(--link); }
.about, .summary { margin: .2rem 0; color: var(--dim); }
.summary { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: 0; list-style: none; }
form { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem; margin: 0; }
form.all { margin: .8rem 0; }
button, form a { display: inline-block; padding: .3rem .65rem; border: 1px solid var(--line); border-radius: .35rem;
  background: var(--raised); color: var(--text); font: inherit; line-height: 1.3; text-decoration: none; cursor: pointer; }
button:hover, form a:hover { border-color: var(--dim); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .45rem .6rem; border-top: 1px solid var(--line); text-align: left; vertical-align: middle;
  font-weight: inherit; }
thead th { border: 0; color: var(--dim); font-size: .85rem; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.description { color: var(--dim); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.state { display: inline-block; padding: .1rem .45rem; border-radius: .35rem; background: var(--raised); color: var(--dim);
  font-size: .8rem; font-weight: 600; white-space: nowrap; }
.running { background: var(--good-ground); color: var(--good); }
.starting, .stopping, .backoff { background: var(--wait-ground); color: var(--wait); }
.fatal, .unknown { background: var(--bad-ground); color: var(--bad); }
.notice { margin: 0 0 1rem; padding: .5rem .8rem; border-radius: .35rem; background: var(--good-ground); color: var(--good);
  overflow-wrap: anywhere; }
.notice.error { background: var(--bad-ground); color: var(--bad); }
pre { min-height: 50vh; margin: 0; padding: .8rem; border: 1px solid var(--line); border-radius: .35rem;
  background: var(--raised); font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (min-width: 46.01rem) { .acts form { flex-wrap: nowrap; white-space: nowrap; } }
@media (max-width: 46rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, td, tbody th { display: block; border: 0; padding: .1rem 0; }
  tbody tr { padding: .7rem 0; border-top: 1px solid var(--line); }
  button, form a { padding: .55rem .75rem; }
  .acts { padding-top: .4rem; }
}
`

/**
 * What keeps the page up to date; it works without, too. Where something has changed, the page is asked for again and the
 * cells of it that differ are taken over, so that what has the focus keeps it.
 */
export const PAGE_JS = `'use strict'
const rows = document.querySelector('[data-live="rows"]')
const log = document.querySelector('[data-stream]')

function takeOver(old, fresh) {
  if (old.isEqualNode(fresh)) return
  const focus = old.contains(document.activeElement) ? document.activeElement : undefined
  const kept = [focus?.textContent, focus?.getAttribute('href')]
  old.replaceWith(fresh)
  if (!focus) return
  const same = [...fresh.querySelectorAll('button, a')].find((one) => one.getAttribute('href') === kept[1] && one.textContent === kept[0])
  ;(same ?? fresh.querySelector('button, a'))?.focus()
}

function takeOverRows(fresh) {
  const known = new Map([...rows.children].map((row) => [row.dataset.key, row]))
  let before = rows.firstElementChild
  for (const row of [...fresh.children]) {
    const old = row.dataset.key === undefined ? undefined : known.get(row.dataset.key)
    known.delete(row.dataset.key)
    if (!old) {
      rows.insertBefore(row, before)
      continue
    }
    if (old === before) before = old.nextElementSibling
    else rows.insertBefore(old, before)
    const cells = [...row.children]
    for (const [i, cell] of [...old.children].entries()) takeOver(cell, cells[i])
  }
  for (const row of known.values()) row.remove()
}

let isAsking = false
let isStale = false
async function refresh() {
  isStale = true
  if (isAsking || document.hidden) return
  isAsking = true
  try {
    while (isStale) {
      isStale = false
      const response = await fetch('/', { cache: 'no-store' })
      if (!response.ok) break
      const page = new DOMParser().parseFromString(await response.text(), 'text/html')
      for (const name of ['about', 'summary']) {
        const fresh = page.querySelector('[data-live="' + name + '"]')
        if (fresh) takeOver(document.querySelector('[data-live="' + name + '"]'), fresh)
      }
      const fresh = page.querySelector('[data-live="rows"]')
      if (fresh) takeOverRows(fresh)
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  } catch {
    // It is not there; the stream of events tells when it is again.
  } finally {
    isAsking = false
  }
}

if (rows) {
  const events = new EventSource('/api/v1/events')
  for (const name of ['process', 'processes', 'supervisor']) events.addEventListener(name, refresh)
  document.addEventListener('visibilitychange', refresh)
  // For the times in the descriptions.
  setInterval(refresh, 10000)
}

async function follow() {
  const response = await fetch(log.dataset.stream, { cache: 'no-store' })
  if (!response.ok) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 40
    log.textContent = (log.textContent + value).slice(-200000)
    if (isAtEnd) scrollTo(0, document.documentElement.scrollHeight)
  }
}

if (log) {
  scrollTo(0, document.documentElement.scrollHeight)
  follow().catch(() => {})
}
`
