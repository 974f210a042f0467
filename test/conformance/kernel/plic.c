/* The interrupt controller: sources for the S-mode of hart 0, its second context. */
#include "kernel.h"

enum { ENABLE = 0x2080, THRESHOLD = 0x201000, CLAIM = 0x201004 };

void plic_begin(void) { *word(PLIC + THRESHOLD) = 0; }

void plic_enable(unsigned source)
{
    *word(PLIC + 4 * source) = 1;
    *word(PLIC + ENABLE + source / 32 * 4) |= 1u << source % 32;
}

void external_interrupt(void)
{
    for (unsigned source; (source = *word(PLIC + CLAIM)) != 0; *word(PLIC + CLAIM) = source) {
        if (source == UART_SOURCE)
            uart_interrupt();
        else
            disk_interrupt(source);
    }
}
