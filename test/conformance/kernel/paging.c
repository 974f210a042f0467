/* Sv39: the kernel and its devices at their own addresses in every space, processes in the second gigabyte. */
#include "kernel.h"

extern char kernel_end[];

unsigned bits_set_by_faults;

static uint64_t *kernel_root;
static char *next_page = kernel_end;

void *new_page(void)
{
    uint64_t *page = (uint64_t *)next_page;
    if ((uint64_t)page >= RAM_END)
        panic("no memory at", (uint64_t)page);
    next_page += PAGE;
    for (int i = 0; i < PAGE / 8; i++)
        page[i] = 0;
    return page;
}

static uint64_t *entry_at(uint64_t *table, uint64_t address, unsigned level)
{
    return &table[address >> (12 + 9 * level) & 511];
}

static uint64_t *table_below(uint64_t entry) { return (uint64_t *)(entry >> 10 << 12); }

void map(uint64_t *root, uint64_t address, uint64_t physical, unsigned flags, unsigned level)
{
    uint64_t *table = root;
    for (unsigned above = 2; above > level; above--) {
        uint64_t *entry = entry_at(table, address, above);
        if (!(*entry & V))
            *entry = (uint64_t)new_page() >> 12 << 10 | V;
        table = table_below(*entry);
    }
    *entry_at(table, address, level) = physical >> 12 << 10 | flags | V;
}

uint64_t *find(uint64_t *root, uint64_t address)
{
    uint64_t *table = root;
    for (unsigned level = 2;; level--) {
        uint64_t *entry = entry_at(table, address, level);
        if (!(*entry & V))
            return NULL;
        if (*entry & (R | X))
            return level == 0 ? entry : NULL;
        table = table_below(*entry);
    }
}

void paging_begin(void)
{
    const unsigned ours = R | W | G | A | D;
    kernel_root = new_page();
    map(kernel_root, FINISHER, FINISHER, ours, 0);
    for (uint64_t at = PLIC; at < PLIC + 0x600000; at += 0x200000)
        map(kernel_root, at, at, ours, 1);
    map(kernel_root, UART, UART, ours, 0);
    for (int slot = 0; slot < VIRTIO_SLOTS; slot++)
        map(kernel_root, VIRTIO + slot * VIRTIO_STRIDE, VIRTIO + slot * VIRTIO_STRIDE, ours, 0);
    for (uint64_t at = RAM; at < RAM_END; at += 0x200000)
        map(kernel_root, at, at, ours | X, 1);
    enter(kernel_root);
}

uint64_t *new_space(void)
{
    uint64_t *root = new_page();
    for (int i = 0; i < PAGE / 8; i++)
        root[i] = kernel_root[i];
    return root;
}

void enter(uint64_t *root)
{
    csr_write(satp, 8ul << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

bool mend(uint64_t *root, uint64_t address, unsigned right)
{
    uint64_t *entry = find(root, address);
    const unsigned bits = right == W ? A | D : A;
    if (entry == NULL || !(*entry & U) || !(*entry & right) || (*entry & bits) == bits)
        return false;
    *entry |= bits;
    bits_set_by_faults++;
    __asm__ volatile("sfence.vma %0, zero" ::"r"(address) : "memory");
    return true;
}

bool copy(uint64_t *root, uint64_t address, void *kernel, size_t length, bool to_process)
{
    char *ours = kernel;
    for (size_t i = 0; i < length; i++) {
        uint64_t *entry = find(root, address + i);
        if (entry == NULL || !(*entry & U))
            return false;
        char *theirs = (char *)table_below(*entry & ~0x3fful) + (address + i) % PAGE;
        if (to_process)
            *theirs = ours[i];
        else
            ours[i] = *theirs;
    }
    return true;
}
