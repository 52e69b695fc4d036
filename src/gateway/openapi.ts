import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import type { RegisteredTask } from '../app/registry.ts'
import type { TaskRoute } from './route.ts'
import type { ServedRoute } from './server.ts'

/** A document of OpenAPI 3.1, ready to be written as JSON. */
export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
  readonly components: object
}

/** What documents tell of a route. */
export interface RouteAbout {
  /** Name of the task. */
  readonly task: string
  /** What it takes by name: schemas by names of arguments. Undefined: that is not known. */
  readonly named: Readonly<Record<string, Schema>> | undefined
  /** Those that must be there. */
  readonly required: readonly string[]
  /** A result can be answered, and a ticket in its place. */
  readonly answers: { readonly result: boolean; readonly ticket: boolean }
}

type Schema = Readonly<Record<string, unknown>>

/** Methods whose arguments come from the query. */
const BODILESS = new Set(['get', 'head', 'delete'])

const ERROR = { $ref: '#/components/responses/Error' }

const COMPONENTS = {
  responses: {
    Error: {
      description: 'What went wrong, as a code that stays the same',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    },
  },
  schemas: {
    Error: {
      type: 'object',
      required: ['error'],
      properties: {
        error: {
          type: 'object',
          required: ['code', 'message'],
          properties: { code: { type: 'string' }, message: { type: 'string' }, id: { type: 'string' } },
        },
      },
    },
    Ticket: {
      type: 'object',
      required: ['id', 'location'],
      properties: { id: { type: 'string' }, location: { type: 'string' } },
    },
  },
}

/** What is known of a route that is bound to a task. */
export function aboutTask({ task, patience }: TaskRoute, registered: RegisteredTask | undefined): RouteAbout {
  const answers = { result: patience.waitMs > 0, ticket: true }
  const params = registered?.params
  if (params) {
    const named = Object.fromEntries(params.map((name) => [name.replace(/\?$/, ''), {}]))
    return { task: task.name, named, required: params.filter((name) => !name.endsWith('?')), answers }
  }
  const { properties, required = [] } = schemaOf(registered?.input) as { properties?: object; required?: string[] }
  return { task: task.name, named: properties as Record<string, Schema> | undefined, required, answers }
}

/** The document of routes. */
export function openApi(title: string, routes: readonly ServedRoute[]): OpenApi {
  const paths: Record<string, Record<string, object>> = {}
  for (const { path, methods, about } of routes) {
    for (const [template, names] of templatesOf(path)) {
      const item = (paths[template] ??= {})
      for (const method of methods)
        item[method.toLowerCase()] ??= operation(method.toLowerCase(), template, names, about)
    }
  }
  return { openapi: '3.1.0', info: { title, version: '1' }, paths, components: COMPONENTS }
}

function operation(method: string, template: string, inPath: readonly string[], about: RouteAbout | undefined): object {
  const parameters: object[] = inPath.map((name) => {
    return { name, in: 'path', required: true, schema: about?.named?.[name] ?? { type: 'string' } }
  })
  const operationId = `${method}${template.replace(/[^a-zA-Z0-9]+/g, '_')}`.replace(/_$/, '')
  if (!about) return { operationId, parameters, responses: { 200: { description: 'Answered' }, default: ERROR } }
  const rest = Object.entries(about.named ?? {}).filter(([name]) => !inPath.includes(name))
  const required = about.required.filter((name) => !inPath.includes(name))
  if (BODILESS.has(method)) {
    for (const [name, schema] of rest) parameters.push({ name, in: 'query', required: required.includes(name), schema })
  }
  const schema = about.named ? { type: 'object', properties: Object.fromEntries(rest), required } : {}
  const isBodied = !BODILESS.has(method) && (about.named === undefined || rest.length > 0)
  return {
    operationId,
    summary: about.task,
    parameters,
    ...(isBodied && { requestBody: { content: { 'application/json': { schema } } } }),
    responses: { ...responsesOf(about), default: ERROR },
  }
}

function responsesOf({ answers }: RouteAbout): object {
  const results = { type: 'object', required: ['results'], properties: { results: {} } }
  const ticket = { $ref: '#/components/schemas/Ticket' }
  return {
    ...(answers.result && { 200: { description: 'The result', content: { 'application/json': { schema: results } } } }),
    202: {
      description: 'Accepted; the result will be at the location',
      content: { 'application/json': { schema: ticket } },
    },
  }
}

/** A path of ours as OpenAPI writes it, and its parameters; two where the last of them may be missing. */
function templatesOf(path: string): [template: string, names: string[]][] {
  if (path.endsWith('?')) {
    const shorter = path.slice(0, path.lastIndexOf('/')) || '/'
    return [...templatesOf(shorter), ...templatesOf(path.slice(0, -1))]
  }
  const names: string[] = []
  const template = path
    .replace(/:([^:/\-.(]+)(?:\((?:[^()]|\([^()]*\))*\))?/g, (_whole, name: string) => {
      names.push(name)
      return `{${name}}`
    })
    .replace(/\*$/, () => {
      names.push('rest')
      return '{rest}'
    })
  return [[template, names]]
}

/** The schema as JSON Schema, where its library can say it. */
function schemaOf(input: unknown): Schema {
  const standard = (input as Partial<StandardJSONSchemaV1> | undefined)?.['~standard']
  try {
    const { $schema: _dialect, ...schema } = standard?.jsonSchema?.input({ target: 'draft-2020-12' }) ?? {}
    return schema
  } catch {
    // A schema may hold what JSON Schema has no words for.
    return {}
  }
}
