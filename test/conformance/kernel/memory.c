/* What the compiler may call, in kernel and programs. Compiled so that the loops do not become calls of themselves. */
#include <stddef.h>

void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);

void *memset(void *to, int value, size_t length)
{
    char *at = to;
    while (length-- > 0)
        *at++ = value;
    return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
    char *at = to;
    const char *other = from;
    while (length-- > 0)
        *at++ = *other++;
    return to;
}
