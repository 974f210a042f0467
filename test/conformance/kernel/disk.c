/* virtio-blk behind virtio-mmio (VIRTIO 1.3, §4.2 and §5.2), without the legacy interface: one request at a time, whose end
   interrupts. */
#include "kernel.h"

enum {
    MAGIC = 0x00,
    VERSION = 0x04,
    DEVICE_ID = 0x08,
    DEVICE_FEATURES = 0x10,
    DEVICE_FEATURES_SELECT = 0x14,
    DRIVER_FEATURES = 0x20,
    DRIVER_FEATURES_SELECT = 0x24,
    QUEUE_SELECT = 0x30,
    QUEUE_SIZE_MAX = 0x34,
    QUEUE_SIZE = 0x38,
    QUEUE_READY = 0x44,
    QUEUE_NOTIFY = 0x50,
    INTERRUPT_STATUS = 0x60,
    INTERRUPT_ACK = 0x64,
    STATUS = 0x70,
    QUEUE_DESCRIPTORS = 0x80,
    QUEUE_DRIVER = 0x90,
    QUEUE_DEVICE = 0xa0,
    CONFIGURATION = 0x100,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { BLOCK_DEVICE = 2, FLUSH_FEATURE = 1 << 9, VERSION_1 = 1 << 0 };
enum { NEXT = 1, DEVICE_WRITES = 2 };
enum { QUEUE = 8, SECTOR = 512 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
struct available {
    uint16_t flags, index, ring[QUEUE];
};
struct used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[QUEUE];
};

static struct descriptor descriptors[QUEUE] __attribute__((aligned(16)));
static struct available available __attribute__((aligned(2)));
static volatile struct used used __attribute__((aligned(4)));

static uint64_t base;
static unsigned source;
static bool can_flush;
static uint16_t seen;
/* The request that is under way or done, and whose it is. */
static struct process *owner;
static bool done;
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static char data[SECTOR];
static volatile uint8_t status;

static volatile uint32_t *reg(unsigned offset) { return word(base + offset); }

static void set_address(unsigned offset, const volatile void *address)
{
    *reg(offset) = (uint32_t)(uint64_t)address;
    *reg(offset + 4) = (uint64_t)address >> 32;
}

/* §3.1.1 */
static void initialise(void)
{
    *reg(STATUS) = 0;
    *reg(STATUS) = ACKNOWLEDGE;
    *reg(STATUS) |= DRIVER;
    *reg(DEVICE_FEATURES_SELECT) = 1;
    if (!(*reg(DEVICE_FEATURES) & VERSION_1))
        panic("a block device of before VIRTIO 1.0 at", base);
    *reg(DRIVER_FEATURES_SELECT) = 1;
    *reg(DRIVER_FEATURES) = VERSION_1;
    *reg(DEVICE_FEATURES_SELECT) = 0;
    can_flush = *reg(DEVICE_FEATURES) & FLUSH_FEATURE;
    *reg(DRIVER_FEATURES_SELECT) = 0;
    *reg(DRIVER_FEATURES) = can_flush ? FLUSH_FEATURE : 0;
    *reg(STATUS) |= FEATURES_OK;
    if (!(*reg(STATUS) & FEATURES_OK))
        panic("the block device refuses features at", base);
    *reg(QUEUE_SELECT) = 0;
    if (*reg(QUEUE_READY) || *reg(QUEUE_SIZE_MAX) < QUEUE)
        panic("the block device has no queue at", base);
    *reg(QUEUE_SIZE) = QUEUE;
    set_address(QUEUE_DESCRIPTORS, descriptors);
    set_address(QUEUE_DRIVER, &available);
    set_address(QUEUE_DEVICE, &used);
    *reg(QUEUE_READY) = 1;
    *reg(STATUS) |= DRIVER_OK;
    plic_enable(source);
}

void disk_begin(void)
{
    for (int slot = 0; slot < VIRTIO_SLOTS; slot++) {
        base = VIRTIO + slot * VIRTIO_STRIDE;
        source = 1 + slot;
        if (*reg(MAGIC) == 0x74726976 && *reg(VERSION) == 2 && *reg(DEVICE_ID) == BLOCK_DEVICE) {
            initialise();
            return;
        }
    }
    base = 0;
}

uint64_t disk_sectors(void)
{
    return base == 0 ? 0 : (uint64_t)*reg(CONFIGURATION + 4) << 32 | *reg(CONFIGURATION);
}

static void submit(enum disk_operation operation, uint64_t sector)
{
    header.type = operation;
    header.sector = operation == DISK_FLUSH ? 0 : sector;
    status = 0xff;
    const uint16_t last = operation == DISK_FLUSH ? 1 : 2;
    descriptors[0] = (struct descriptor){(uint64_t)&header, sizeof header, NEXT, 1};
    descriptors[1] = (struct descriptor){(uint64_t)data, SECTOR, NEXT | (operation == DISK_READ ? DEVICE_WRITES : 0), 2};
    descriptors[last] = (struct descriptor){(uint64_t)&status, 1, DEVICE_WRITES, 0};
    available.ring[available.index % QUEUE] = 0;
    __asm__ volatile("fence w, w" ::: "memory");
    available.index++;
    __asm__ volatile("fence" ::: "memory");
    *reg(QUEUE_NOTIFY) = 0;
}

void disk_interrupt(unsigned from)
{
    if (base == 0 || from != source)
        panic("an interrupt of nobody's:", from);
    *reg(INTERRUPT_ACK) = *reg(INTERRUPT_STATUS);
    __asm__ volatile("fence" ::: "memory");
    if (used.index == seen)
        return;
    seen = used.index;
    done = true;
    wake(WAITS_FOR_DISK);
}

enum disk_outcome disk(struct process *by, enum disk_operation operation, uint64_t sector, void *bytes)
{
    char *theirs = bytes;
    if (base == 0 || (operation == DISK_FLUSH && !can_flush))
        return DISK_FAILED;
    if (owner == NULL) {
        for (int i = 0; i < SECTOR; i++)
            data[i] = theirs[i];
        owner = by;
        done = false;
        submit(operation, sector);
        return DISK_STARTED;
    }
    if (owner != by || !done)
        return DISK_BUSY;
    owner = NULL;
    for (int i = 0; i < SECTOR; i++)
        theirs[i] = data[i];
    return status == 0 ? DISK_DONE : DISK_FAILED;
}
