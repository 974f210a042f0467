/* Processes by turns, each until it calls, waits, ends, or the timer has had enough. */
#include "kernel.h"

enum { PROCESSES = 8, STACK_PAGES = 2 };
#define TEXT 0x40000000ul
#define STACK_END 0x7ffff000ul
enum { SOFTWARE = 1, EXTERNAL = 9 };
#define INTERRUPT (1ul << 63)
enum { ILLEGAL = 2, CALL = 8, FETCH_FAULT = 12, LOAD_FAULT = 13, STORE_FAULT = 15 };
enum call { WRITE, READ, EXIT, PREEMPTED, DISK_SECTORS, DISK };
enum { A0 = 10, A1, A2, A7 = 17, SP = 2 };

extern char program[], program_end[];
void end_of_processes(void);

struct process processes[PROCESSES];

void process_begin(int number)
{
    struct process *p = &processes[number];
    p->number = number;
    p->root = new_space();
    /* Accessed and dirty bits are left to hardware, or to the first fault. */
    for (char *from = program; from < program_end; from += PAGE) {
        char *page = new_page();
        for (int i = 0; i < PAGE && from + i < program_end; i++)
            page[i] = from[i];
        map(p->root, TEXT + (from - program), (uint64_t)page, R | W | X | U, 0);
    }
    for (int i = 1; i <= STACK_PAGES; i++)
        map(p->root, STACK_END - i * PAGE, (uint64_t)new_page(), R | W | U, 0);
    p->frame.pc = TEXT;
    p->frame.x[SP] = STACK_END;
    p->frame.x[A0] = number;
    p->state = READY;
}

void wake(enum state waiting)
{
    for (struct process *p = processes; p < processes + PROCESSES; p++)
        if (p->state == waiting)
            p->state = READY;
}

static void end(struct process *p, const char *why, uint64_t value)
{
    put("process ");
    put_number(p->number, 10);
    put(": ");
    put(why);
    put_number(value, 16);
    put("\n");
    p->state = ENDED;
}

/* A call's result; the call is made again where `waits` says so. */
static uint64_t call(struct process *p, enum state *waits)
{
    uint64_t *x = p->frame.x;
    char bytes[512];
    switch ((enum call)x[A7]) {
    case WRITE:
        if (x[A1] > sizeof bytes || !copy(p->root, x[A0], bytes, x[A1], false))
            return -1;
        put_bytes(bytes, x[A1]);
        return x[A1];
    case READ: {
        size_t length = take_line(bytes, x[A1] < sizeof bytes ? x[A1] : sizeof bytes);
        if (length == 0)
            *waits = WAITS_FOR_INPUT;
        return copy(p->root, x[A0], bytes, length, true) ? length : (uint64_t)-1;
    }
    case EXIT:
        end(p, "ends with ", x[A0]);
        return 0;
    case PREEMPTED:
        return p->preempted;
    case DISK_SECTORS:
        return disk_sectors();
    case DISK: {
        if (!copy(p->root, x[A2], bytes, sizeof bytes, false))
            return -1;
        switch (disk(p, x[A0], x[A1], bytes)) {
        case DISK_BUSY:
            *waits = READY;
            return 0;
        case DISK_STARTED:
            *waits = WAITS_FOR_DISK;
            return 0;
        case DISK_FAILED:
            return -1;
        case DISK_DONE:
            return copy(p->root, x[A2], bytes, sizeof bytes, true) ? 0 : -1;
        }
    }
    }
    return -1;
}

static void take_interrupts(struct process *p)
{
    if (csr_read(sip) & 1 << SOFTWARE) {
        csr_clear(sip, 1 << SOFTWARE);
        if (p != NULL)
            p->preempted++;
    }
    if (csr_read(sip) & 1 << EXTERNAL)
        external_interrupt();
}

static void fault(struct process *p, unsigned right, const char *what)
{
    if (!mend(p->root, csr_read(stval), right))
        end(p, what, csr_read(stval));
}

/* After a trap: true where the process may go on at once. */
static bool handle(struct process *p)
{
    const uint64_t cause = csr_read(scause);
    enum state waits = FREE;
    uint64_t result;
    switch (cause) {
    case INTERRUPT | SOFTWARE:
    case INTERRUPT | EXTERNAL:
        take_interrupts(p);
        return cause == (INTERRUPT | EXTERNAL);
    case CALL:
        result = call(p, &waits);
        if (waits != FREE) {
            p->state = waits;
            return false;
        }
        p->frame.x[A0] = result;
        p->frame.pc += 4;
        break;
    case FETCH_FAULT:
        fault(p, X, "fetch page fault at 0x");
        break;
    case LOAD_FAULT:
        fault(p, R, "load page fault at 0x");
        break;
    case STORE_FAULT:
        fault(p, W, "store page fault at 0x");
        break;
    case ILLEGAL:
        end(p, "illegal instruction 0x", csr_read(stval));
        break;
    default:
        panic("trap of a process", cause);
    }
    return p->state == READY;
}

_Noreturn void schedule(void)
{
    for (;;) {
        unsigned left = 0, ready = 0;
        for (struct process *p = processes; p < processes + PROCESSES; p++) {
            left += p->state != FREE && p->state != ENDED;
            if (p->state != READY)
                continue;
            ready++;
            enter(p->root);
            /* To U-mode, with S-mode's interrupts off when it is left. */
            csr_clear(sstatus, 1 << 8 | 1 << 5);
            do
                run(&p->frame);
            while (handle(p));
        }
        if (left == 0)
            end_of_processes();
        if (ready == 0) {
            __asm__ volatile("wfi");
            take_interrupts(NULL);
        }
    }
}
