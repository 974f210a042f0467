// A C program of some 1,000 lines to be compiled, the same each time: nine kinds of records with enumerations, strings, linked
// lists, parsers and printers, as a program that reads, sorts and reports has them. It runs, and prints a checksum.

const kinds = [
  ['order', 'open paid packed sent returned closed'],
  ['packet', 'data ack syn fin reset probe keepalive'],
  ['token', 'word number string operator comment'],
  ['account', 'private shared frozen closed'],
  ['sensor', 'idle warming sampling drifting failed calibrating offline'],
  ['route', 'direct detour closed preferred'],
  ['widget', 'button label list slider canvas menu dialog panel'],
  ['event', 'press release move enter leave'],
  ['segment', 'text rodata data bss heap stack'],
] as const;

/** A field's declaration, the expression by which it is filled from `seed`, and the format in which it is printed. */
const fields = [
  ['uint32_t flags', 'seed >> 7 & 0xff', '%x', '(unsigned)it->flags'],
  ['int64_t balance', '(int64_t)(seed % 20011) - 10005', '%lld', '(long long)it->balance'],
  ['double weight', '(double)(seed % 977) / 8', '%.3f', 'it->weight'],
  ['uint16_t port', '(uint16_t)(1024 + seed % 60000)', '%u', '(unsigned)it->port'],
  ['uint8_t level', '(uint8_t)(seed % 11)', '%u', '(unsigned)it->level'],
  ['int count', '(int)(seed % 300) - 20', '%d', 'it->count'],
  ['float ratio', '(float)(seed % 64) / 16', '%.2f', '(double)it->ratio'],
] as const;

const head = `#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 3;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}
`;

/** One kind of record, of about 110 lines. `index` varies fields, lengths and constants. */
function record(name: string, states: readonly string[], index: number): string {
  const upper = (state: string): string => `${name}_${state}`.toUpperCase();
  const own = [0, 1, 2].map((step) => fields[(index * 2 + step * (1 + (index % 3))) % fields.length]!);
  const key = own[0]![0].split(' ')[1]!;
  return `
enum ${name}_state { ${states.map((state) => upper(state)).join(', ')} };

struct ${name} {
    enum ${name}_state state;
    char name[${16 + 4 * (index % 4)}];
${[...new Set(own)].map(([declaration]) => `    ${declaration};\n`).join('')}    struct ${name} *next;
};

static const char *${name}_state_name(enum ${name}_state state)
{
    switch (state) {
${states.map((state) => `    case ${upper(state)}: return "${state}";\n`).join('')}    }
    return "?";
}

static void ${name}_fill(struct ${name} *it, uint32_t *random)
{
    uint32_t seed = next_random(random);
    size_t length = 3 + seed % (sizeof it->name - 4);
    for (size_t i = 0; i < length; i++)
        it->name[i] = (char)('a' + (next_random(random) + i * ${3 + index}) % 26);
    it->name[length] = 0;
    it->state = (enum ${name}_state)(seed / ${7 + index} % ${states.length});
${[...new Set(own)].map(([declaration, value]) => `    it->${declaration.split(' ')[1]!} = ${value};\n`).join('')}    it->next = NULL;
}

static int ${name}_compare(const struct ${name} *a, const struct ${name} *b)
{
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    if (a->${key} != b->${key})
        return a->${key} < b->${key} ? -1 : 1;
    return strcmp(a->name, b->name);
}

static struct ${name} *${name}_insert(struct ${name} *list, struct ${name} *it)
{
    struct ${name} **place = &list;
    while (*place && ${name}_compare(*place, it) < 0)
        place = &(*place)->next;
    it->next = *place;
    *place = it;
    return list;
}

static int ${name}_print(const struct ${name} *it, char *to, size_t room)
{
    switch (it->state) {
    case ${upper(states[0]!)}:
        return snprintf(to, room, "%s is new", it->name);
    case ${upper(states.at(-1)!)}:
        if (strlen(it->name) > ${5 + (index % 5)})
            return snprintf(to, room, "%.*s...", ${3 + (index % 5)}, it->name);
        /* fall through */
    default:
        return snprintf(to, room, "%s %s ${own.map(([, , format]) => format).join(' ')}", it->name,
                        ${name}_state_name(it->state), ${own.map(([, , , value]) => value).join(', ')});
    }
}

static unsigned ${name}_words(const char *text, unsigned digits[10])
{
    enum { BETWEEN, WORD, NUMBER } where = BETWEEN;
    unsigned words = 0;
    for (; *text; text++) {
        if (isdigit((unsigned char)*text)) {
            digits[*text - '0']++;
            where = where == WORD ? WORD : NUMBER;
        } else if (isalpha((unsigned char)*text)) {
            words += where != WORD;
            where = WORD;
        } else
            where = BETWEEN;
    }
    return words;
}

static uint64_t ${name}_run(unsigned count, uint32_t seed)
{
    struct ${name} *all = calloc(count, sizeof *all), *list = NULL;
    uint64_t hash = 14695981039346656037u;
    unsigned digits[10] = {0}, words = 0;
    char line[128];
    if (!all)
        exit(EXIT_FAILURE);
    for (unsigned i = 0; i < count; i++) {
        ${name}_fill(&all[i], &seed);
        list = ${name}_insert(list, &all[i]);
    }
    for (const struct ${name} *it = list; it; it = it->next) {
        ${name}_print(it, line, sizeof line);
        words += ${name}_words(line, digits);
        hash = mix(hash, line);
    }
    for (int i = 0; i < 10; i++)
        hash = hash * 31 + digits[i] * (i + ${index}u) + words;
    free(all);
    return hash;
}
`;
}

export function cProgram(): string {
  const records = kinds.map(([name, states], index) => record(name, states.split(' '), index));
  const runs = kinds.map(([name], index) => `    total ^= ${name}_run(count, ${1000 + 77 * index}u);\n`);
  return `${head}${records.join('')}
int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
    uint64_t total = 0;
${runs.join('')}    printf("%016llx\\n", (unsigned long long)total);
    return 0;
}
`;
}
