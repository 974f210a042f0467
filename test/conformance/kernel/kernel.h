/* A kernel such as courses on operating systems write: it begins in M-mode without a firmware, and runs processes under
   Sv39 that a timer preempts. One hart; the board is QEMU's virt. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define csr_read(name) ({ uint64_t value_; __asm__ volatile("csrr %0, " #name : "=r"(value_) :: "memory"); value_; })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" :: "r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" :: "r"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" :: "r"((uint64_t)(bits)) : "memory")

enum { PAGE = 4096 };
#define FINISHER 0x100000ul
#define CLINT 0x2000000ul
#define PLIC 0xc000000ul
#define UART 0x10000000ul
#define VIRTIO 0x10001000ul
#define VIRTIO_STRIDE 0x1000ul
enum { VIRTIO_SLOTS = 8, UART_SOURCE = 10 };
#define RAM 0x80000000ul
#define RAM_END 0x82000000ul

static inline volatile uint32_t *word(uint64_t address) { return (volatile uint32_t *)address; }

/* What a process has in registers while it does not run. entry.S knows where they lie. */
struct frame {
    uint64_t x[32];
    uint64_t pc;
    /* The kernel's stack, while the process runs. */
    uint64_t kernel_sp;
};

enum state { FREE, READY, WAITS_FOR_INPUT, WAITS_FOR_DISK, ENDED };

struct process {
    enum state state;
    int number;
    uint64_t *root;
    struct frame frame;
    unsigned preempted;
};

/* entry.S: runs a process up to its next trap. */
void run(struct frame *frame);

/* main.c */
_Noreturn void finish(unsigned code);
_Noreturn void panic(const char *what, uint64_t value);
/* Of M-mode's handler. */
extern volatile uint64_t machine_timer_interrupts, machine_software_interrupts;

/* uart.c */
void uart_begin(void);
void uart_interrupt(void);
void put(const char *text);
void put_bytes(const char *bytes, size_t length);
void put_number(uint64_t value, unsigned base);
/* The bytes of a line, its end included; 0 while none has come. */
size_t take_line(char *to, size_t room);

/* plic.c */
void plic_begin(void);
void plic_enable(unsigned source);
void external_interrupt(void);

/* paging.c: entries of Sv39. */
enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128 };
extern unsigned bits_set_by_faults;
void *new_page(void);
void paging_begin(void);
uint64_t *new_space(void);
void map(uint64_t *root, uint64_t address, uint64_t physical, unsigned flags, unsigned level);
/* The entry that maps an address, NULL without one. */
uint64_t *find(uint64_t *root, uint64_t address);
void enter(uint64_t *root);
/* Sets a missing accessed or dirty bit. False: something else is wrong. */
bool mend(uint64_t *root, uint64_t address, unsigned right);
/* Copies from or to a process. False where it has no such memory. */
bool copy(uint64_t *root, uint64_t address, void *kernel, size_t length, bool to_process);

/* process.c */
extern struct process processes[];
void process_begin(int number);
_Noreturn void schedule(void);
void wake(enum state waiting);

/* disk.c */
void disk_begin(void);
uint64_t disk_sectors(void);
void disk_interrupt(unsigned source);
enum disk_outcome { DISK_BUSY, DISK_STARTED, DISK_DONE, DISK_FAILED };
enum disk_operation { DISK_READ, DISK_WRITE, DISK_FLUSH = 4 };
/* Asks again for what was started until it is done. `data` has 512 bytes. */
enum disk_outcome disk(struct process *by, enum disk_operation operation, uint64_t sector, void *data);

#endif
