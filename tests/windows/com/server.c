/* The COM objects of Windows Firewall with the layout of netfw.h, for the shipped adapter: vtables in C, so that a
 * wrong slot, a wrong width of a boolean or a wrong type of string is detected. A rule stores what is set in it; every
 * call is recorded as "object slot (arguments)". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INVALID 0x80070057u
#define NOT_FOUND 0x80070002u
#define NO_INTERFACE 0x80004002u
#define LAST 57

enum kind { POLICY, RULES, RULE, ENUMERATOR };
static const char *names[] = {"policy", "rules", "rule", "enumerator"};
static const uint32_t interfaces[] = {0x98325047, 0x9C4C6277, 0xB21563FF, 0x00020404};

typedef struct object {
    void **table;
    enum kind kind;
    int references, next;
    char *texts[LAST];
    int32_t numbers[LAST];
} object;

static object *rules[256];
static int count, living, current = 5, fails_at = -1;
static int32_t enabled[5], inbound[5], outbound[5];
static char journal[1 << 20];

static void record(const char *text) { strncat(journal, text, sizeof journal - strlen(journal) - 1); }

static void record_call(object *self, int slot, const char *arguments) {
    char line[256];
    snprintf(line, sizeof line, "%s %d%s%s\n", names[self->kind], slot, *arguments ? " " : "", arguments);
    record(line);
}

/* BSTR: UTF-16 after its length in bytes; only ASCII and Latin-1 are needed here */
static char *to_latin1(const uint16_t *text) {
    if (!text) return strdup("");
    uint32_t length = ((const uint32_t *)text)[-1] / 2;
    char *converted = malloc(length + 1);
    for (uint32_t i = 0; i < length; i++) converted[i] = (char)text[i];
    converted[length] = 0;
    return converted;
}

static uint16_t *to_bstr(const char *text) {
    uint32_t length = strlen(text);
    uint32_t *block = malloc(4 + 2 * length + 2);
    uint16_t *converted = (uint16_t *)(block + 1);
    *block = 2 * length;
    for (uint32_t i = 0; i <= length; i++) converted[i] = (unsigned char)text[i];
    return converted;
}

static object *make(enum kind kind);

static int is_text(int slot) {
    return (slot >= 7 && slot <= 14) || (slot >= 17 && slot <= 26) || slot == 31 || slot == 32 || slot == 35 || slot == 36
        || (slot >= 45 && slot <= 54);
}

static int is_boolean(int slot) { return slot == 33 || slot == 34 || slot == 39 || slot == 40; }

/* The error of Windows for a setter, given what is set already; 0 for none. */
static uint32_t find_error(object *self, int slot, const char *text) {
    int protocol = self->numbers[15];
    if ((slot == 18 || slot == 20) && protocol != 6 && protocol != 17) return INVALID;
    if (slot == 26 && protocol != 1 && protocol != 58) return INVALID;
    if ((slot == 8 || slot == 10) && strchr(text, '|')) return INVALID;
    if (slot == 24 && !strcmp(text, "::1")) return 0xD000000Du;
    return 0;
}

static uint32_t rule_call(object *self, int slot, intptr_t a) {
    int property = slot - (slot % 2 == 0), setter = slot % 2 == 0;
    char text[200] = "";
    if (setter && is_text(slot)) {
        char *value = to_latin1((const uint16_t *)a);
        snprintf(text, sizeof text, "%s", value);
        record_call(self, slot, text);
        uint32_t failure = find_error(self, slot, value);
        if (failure) return failure;
        free(self->texts[property]);
        self->texts[property] = slot == 24 && !*value ? strdup("*") : value;
        return 0;
    }
    if (setter) {
        int32_t value = is_boolean(slot) ? (int16_t)a : (int32_t)a;
        snprintf(text, sizeof text, "%d", value);
        record_call(self, slot, text);
        self->numbers[property] = value;
        return 0;
    }
    record_call(self, slot, "");
    if (slot == 29) memset((void *)a, 0, 24);
    else if (is_text(slot)) *(uint16_t **)a = self->texts[property] ? to_bstr(self->texts[property]) : NULL;
    else if (is_boolean(slot)) *(int16_t *)a = (int16_t)self->numbers[property];
    else *(int32_t *)a = self->numbers[property];
    return 0;
}

static uint32_t rules_call(object *self, int slot, intptr_t a) {
    char *name;
    switch (slot) {
    case 8:
        record_call(self, slot, "");
        rules[count++] = (object *)a;
        ((object *)a)->references++;
        return 0;
    case 9:
        name = to_latin1((const uint16_t *)a);
        record_call(self, slot, name);
        for (int i = 0; i < count; i++)
            if (rules[i]->texts[7] && !strcmp(rules[i]->texts[7], name)) {
                rules[i]->references--;
                memmove(rules + i, rules + i + 1, sizeof *rules * (size_t)(--count - i));
                return 0;
            }
        return NOT_FOUND;
    case 11:
        record_call(self, slot, "");
        *(object **)a = make(ENUMERATOR);
        return 0;
    }
    record_call(self, slot, "unexpected");
    return 0x80004001u;
}

static uint32_t policy_call(object *self, int slot, intptr_t a, intptr_t b) {
    char text[64] = "";
    int32_t *settings = slot <= 9 ? enabled : slot <= 24 ? inbound : outbound;
    if (slot == fails_at) return 0x800706D9u;
    if (slot == 9 || slot == 24 || slot == 26) {
        snprintf(text, sizeof text, "%d %d", (int)a, slot == 9 ? (int16_t)b : (int32_t)b);
        settings[a] = slot == 9 ? (int16_t)b : (int32_t)b;
    } else if (slot == 8 || slot == 12) {
        snprintf(text, sizeof text, "%d", (int)a);
        *(int16_t *)b = slot == 8 ? (int16_t)enabled[a] : (int16_t)(a == 4 ? -1 : 0);
    } else if (slot == 23 || slot == 25) {
        snprintf(text, sizeof text, "%d", (int)a);
        *(int32_t *)b = settings[a];
    } else if (slot == 7) *(int32_t *)a = current;
    else if (slot == 28) *(int32_t *)a = 2;
    else if (slot == 18) *(object **)a = make(RULES);
    else snprintf(text, sizeof text, "unexpected");
    record_call(self, slot, text);
    return 0;
}

static uint32_t dispatch(object *self, int slot, intptr_t a, intptr_t b) {
    return self->kind == RULE ? rule_call(self, slot, a)
         : self->kind == RULES ? rules_call(self, slot, a) : policy_call(self, slot, a, b);
}

static uint32_t query(object *self, const uint32_t *wanted, void **result) {
    *result = NULL;
    if (*wanted != 0 && *wanted != interfaces[self->kind]) return NO_INTERFACE;
    self->references++;
    *result = self;
    return 0;
}

static uint32_t add_reference(object *self) { return (uint32_t)++self->references; }

static uint32_t release(object *self) {
    if (--self->references == 0) living--;
    return (uint32_t)self->references;
}

static uint32_t next_rules(object *self, uint32_t wanted, char *variants, uint32_t *fetched) {
    for (*fetched = 0; *fetched < wanted && self->next < count; ++*fetched) {
        char *variant = variants + 24 * *fetched;
        memset(variant, 0, 24);
        *(uint16_t *)variant = self->next % 2 ? 9 : 13;
        rules[self->next]->references++;
        *(object **)(variant + 8) = rules[self->next++];
    }
    return *fetched == wanted ? 0 : 1;
}

#define SLOT(n) static uint32_t slot##n(object *self, intptr_t a, intptr_t b) { return dispatch(self, n, a, b); }
#define TEN(x) SLOT(x##0) SLOT(x##1) SLOT(x##2) SLOT(x##3) SLOT(x##4) SLOT(x##5) SLOT(x##6) SLOT(x##7) SLOT(x##8) SLOT(x##9)
SLOT(3) SLOT(4) SLOT(5) SLOT(6) SLOT(7) SLOT(8) SLOT(9) TEN(1) TEN(2) TEN(3) TEN(4) SLOT(50) SLOT(51) SLOT(52) SLOT(53) SLOT(54) SLOT(55) SLOT(56)
#define ROW(x) slot##x##0, slot##x##1, slot##x##2, slot##x##3, slot##x##4, slot##x##5, slot##x##6, slot##x##7, slot##x##8, slot##x##9
static void *table[LAST] = {query, add_reference, release, slot3, slot4, slot5, slot6, slot7, slot8, slot9, ROW(1), ROW(2), ROW(3), ROW(4),
                            slot50, slot51, slot52, slot53, slot54, slot55, slot56};
static void *enumerator_table[] = {query, add_reference, release, next_rules, slot4, slot5, slot6};

static object *make(enum kind kind) {
    object *made = calloc(1, sizeof *made);
    made->table = kind == ENUMERATOR ? enumerator_table : table;
    made->kind = kind;
    made->references = 1;
    living++;
    if (kind == RULE) {
        made->numbers[15] = 256;
        made->numbers[37] = 0x7fffffff;
    }
    return made;
}

object *make_policy(void) { return make(POLICY); }
object *make_rule(void) { return make(RULE); }
int rule_count(void) { return count; }
int living_objects(void) { return living; }
void fail_at(int slot) { fails_at = slot; }
const char *text_of(int index, int slot) { return rules[index]->texts[slot] ? rules[index]->texts[slot] : ""; }
int number_of(int index, int slot) { return rules[index]->numbers[slot]; }

const char *take_journal(void) {
    static char taken[sizeof journal];
    strcpy(taken, journal);
    journal[0] = 0;
    return taken;
}
