/* A 16550: output is polled, input interrupts. */
#include "kernel.h"

enum { DATA, INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, LINE_STATUS = 5 };
enum { RECEIVED = 1, CAN_TRANSMIT = 1 << 5 };

static char input[256];
static size_t input_length, lines;

static volatile uint8_t *reg(int number) { return (volatile uint8_t *)(UART + number); }

void uart_begin(void)
{
    *reg(LINE_CONTROL) = 3;
    *reg(FIFO_CONTROL) = 1;
    *reg(INTERRUPT_ENABLE) = RECEIVED;
}

void put_bytes(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while (!(*reg(LINE_STATUS) & CAN_TRANSMIT))
            ;
        *reg(DATA) = bytes[i];
    }
}

void put(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    put_bytes(text, length);
}

void put_number(uint64_t value, unsigned base)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    put_bytes(digits + at, sizeof digits - at);
}

void uart_interrupt(void)
{
    while (*reg(LINE_STATUS) & RECEIVED) {
        char c = *reg(DATA);
        if (c == '\r')
            c = '\n';
        if (input_length < sizeof input)
            input[input_length++] = c;
        lines += c == '\n';
    }
    if (lines > 0)
        wake(WAITS_FOR_INPUT);
}

size_t take_line(char *to, size_t room)
{
    size_t length = 0;
    if (lines == 0)
        return 0;
    while (length < room && (length == 0 || input[length - 1] != '\n')) {
        to[length] = input[length];
        length++;
    }
    lines -= input[length - 1] == '\n';
    input_length -= length;
    for (size_t i = 0; i < input_length; i++)
        input[i] = input[i + length];
    return length;
}
