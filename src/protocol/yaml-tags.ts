import type { ScalarTag, Tags } from 'yaml'

/**
 * What PyYAML takes for something else than text when it has no quotes (`yaml/resolver.py`). It writes all else as text
 * without quotes: `1e3`, `y`, `09`, `2024-1-2`, which YAML 1.1 by the book would have as other things.
 */
const TAKEN: Readonly<Record<string, RegExp>> = {
  bool: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  float:
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  int: /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  timestamp:
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
}

/** The tags of YAML 1.1, each for no more than PyYAML has it for. */
export function asPyYaml(tags: Tags): Tags {
  return tags.map((tag) => {
    if (typeof tag === 'string' || !('test' in tag) || !(tag.test instanceof RegExp)) return tag
    const taken = TAKEN[tag.tag.replace('tag:yaml.org,2002:', '')]
    return taken ? ({ ...tag, test: new RegExp(`(?=${taken.source})${tag.test.source}`) } as ScalarTag) : tag
  })
}
