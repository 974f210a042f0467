/* From M-mode to S-mode, and what the kernel does before and after its processes. */
#include "kernel.h"

enum { MTIMECMP = 0x4000, MTIME = 0xbff8 };
enum { SOFTWARE = 1 << 3, TIMER = 1 << 7 };
/* Ticks of the timebase: a millisecond. */
enum { INTERVAL = 10000 };

void machine_trap(void);
void kernel_trap(void);
extern char kernel_stack_end[];

/* Of M-mode's handler: two registers, the interval, and what it has counted. */
static volatile uint64_t machine_scratch[5];
static bool tree_is_there, firmware_is_told;

static void supervisor(void);

_Noreturn void finish(unsigned code)
{
    *word(FINISHER) = code == 0 ? 0x5555 : code << 16 | 0x3333;
    for (;;)
        ;
}

_Noreturn void panic(const char *what, uint64_t value)
{
    put("panic: ");
    put(what);
    put(" 0x");
    put_number(value, 16);
    put("\n");
    finish(1);
}

/* What the reset vector leaves in a0 to a2. */
_Noreturn void start(uint64_t hart, const uint32_t *tree, const uint64_t *firmware)
{
    if (hart != csr_read(mhartid))
        finish(2);
    tree_is_there = *tree == 0xedfe0dd0;
    firmware_is_told = *firmware == 0x4942534f;

    csr_write(mscratch, machine_scratch);
    csr_write(mtvec, machine_trap);
    machine_scratch[2] = INTERVAL;
    *(volatile uint64_t *)(CLINT + MTIMECMP) = *(volatile uint64_t *)(CLINT + MTIME) + INTERVAL;
    csr_write(mie, SOFTWARE | TIMER);
    *word(CLINT) = 1;

    csr_write(medeleg, 0xffff);
    csr_write(mideleg, 0x222);
    csr_write(mcounteren, 7);
    csr_write(pmpaddr0, -1ul >> 10);
    csr_write(pmpcfg0, 0x1f);
    csr_write(satp, 0);
    csr_write(mepc, supervisor);
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11);
    __asm__ volatile("mv sp, %0\n\tmret" ::"r"(kernel_stack_end));
    __builtin_unreachable();
}

static void put_answer(const char *question, bool yes)
{
    put(question);
    put(yes ? ": yes\n" : ": no\n");
}

static void supervisor(void)
{
    csr_write(stvec, kernel_trap);
    csr_write(sscratch, 0);
    uart_begin();
    put("kernel: begins\n");
    put_answer("a1 is a device tree", tree_is_there);
    put_answer("a2 is what a firmware is told", firmware_is_told);
    put_answer("the hart has interrupted itself", machine_scratch[3] == 1);
    paging_begin();
    plic_begin();
    plic_enable(UART_SOURCE);
    disk_begin();
    csr_write(sie, 0x222);
    for (int number = 0; number < 6; number++)
        process_begin(number);
    schedule();
}

void end_of_processes(void);
void end_of_processes(void)
{
    put_answer("the timer has ticked", machine_scratch[4] >= 3);
    put("accessed and dirty bits are set by ");
    put(bits_set_by_faults == 0 ? "hardware\n" : "page faults\n");
    put("kernel: ends\n");
    finish(0);
}
