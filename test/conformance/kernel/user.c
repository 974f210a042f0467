/* The programs: which of them a process runs is its number. */
#include <stddef.h>
#include <stdint.h>

enum call { WRITE, READ, EXIT, PREEMPTED, DISK_SECTORS, DISK };
enum { DISK_READ, DISK_WRITE, DISK_FLUSH = 4 };

static uint64_t call(enum call what, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t a0 __asm__("a0") = a;
    register uint64_t a1 __asm__("a1") = b;
    register uint64_t a2 __asm__("a2") = c;
    register uint64_t a7 __asm__("a7") = what;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

/* A line that goes out at once, so that nobody writes into it. */
struct line {
    char text[120];
    size_t length;
};

static void add(struct line *line, const char *text)
{
    while (*text && line->length < sizeof line->text)
        line->text[line->length++] = *text++;
}

static void add_number(struct line *line, uint64_t value)
{
    char digits[21];
    char *at = digits + 20;
    *at = 0;
    do
        *--at = '0' + value % 10;
    while ((value /= 10) != 0);
    add(line, at);
}

static void say(struct line *line)
{
    add(line, "\n");
    call(WRITE, (uint64_t)line->text, line->length, 0);
    line->length = 0;
}

/* Computes for as long as the timer has not taken the processor away a few times. */
static uint64_t primes(void)
{
    struct line line = {.length = 0};
    uint64_t count = 0;
    do {
        count = 0;
        for (unsigned n = 2; n < 5000; n++) {
            unsigned d = 2;
            while (d * d <= n && n % d != 0)
                d++;
            count += d * d > n;
        }
    } while (call(PREEMPTED, 0, 0, 0) < 3);
    add(&line, "primes: ");
    add_number(&line, count);
    add(&line, " below 5000");
    say(&line);
    return 0;
}

static uint64_t collatz(void)
{
    struct line line = {.length = 0};
    uint64_t longest = 0;
    do {
        for (uint64_t start = 1; start < 3000; start++) {
            uint64_t length = 0;
            for (uint64_t n = start; n != 1; length++)
                n = n % 2 ? 3 * n + 1 : n / 2;
            if (length > longest)
                longest = length;
        }
    } while (call(PREEMPTED, 0, 0, 0) < 3);
    add(&line, "collatz: at most ");
    add_number(&line, longest);
    add(&line, " steps below 3000");
    say(&line);
    return 0;
}

static uint64_t echo(void)
{
    struct line line = {.length = 0};
    char text[80];
    for (int round = 1; round <= 2; round++) {
        add(&line, "echo: type line ");
        add_number(&line, round);
        say(&line);
        uint64_t length = call(READ, (uint64_t)text, sizeof text - 1, 0);
        text[length - 1] = 0;
        add(&line, "echo: ");
        add(&line, text);
        say(&line);
    }
    return 0;
}

static uint64_t trespass(void) { return *(volatile uint64_t *)0x80000000; }

static uint64_t command(void)
{
    uint64_t value;
    __asm__ volatile("csrr %0, sstatus" : "=r"(value));
    return value;
}

static uint64_t sum(const unsigned char *bytes)
{
    uint64_t total = 0;
    for (int i = 0; i < 512; i++)
        total = total * 31 + bytes[i];
    return total % 1000000007;
}

static uint64_t disk(void)
{
    static unsigned char sector[512];
    struct line line = {.length = 0};
    const uint64_t sectors = call(DISK_SECTORS, 0, 0, 0);
    const uint64_t at = (uint64_t)sector;
    add(&line, "disk: ");
    add_number(&line, sectors);
    add(&line, " sectors");
    say(&line);
    if (sectors == 0)
        return 0;
    if (call(DISK, DISK_READ, 1, at) != 0)
        return 1;
    add(&line, "disk: sector 1 sums up to ");
    add_number(&line, sum(sector));
    say(&line);
    for (int i = 0; i < 512; i++)
        sector[i] = i * 7 + 3;
    const uint64_t expected = sum(sector);
    if (call(DISK, DISK_WRITE, sectors - 1, at) != 0 || call(DISK, DISK_FLUSH, 0, at) != 0)
        return 2;
    for (int i = 0; i < 512; i++)
        sector[i] = 0;
    if (call(DISK, DISK_READ, sectors - 1, at) != 0 || sum(sector) != expected)
        return 3;
    if (call(DISK, DISK_READ, sectors, at) == 0)
        return 4;
    add(&line, "disk: the last sector was written and read, and there is none behind it");
    say(&line);
    return 0;
}

static uint64_t (*const programs[])(void) = {primes, collatz, echo, trespass, command, disk};

__attribute__((section(".text.begin"), noreturn, used)) void begin(uint64_t number)
{
    call(EXIT, programs[number](), 0, 0);
    __builtin_unreachable();
}
