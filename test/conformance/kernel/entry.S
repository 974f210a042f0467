# Where the hart begins, and where it comes and goes between modes. Offsets are those of struct frame.

    .section .text.entry
    .global entry
entry:
    la sp, machine_stack_end
    call start

# M-mode's handler: the timer becomes a software interrupt of S-mode.
    .align 2
    .global machine_trap
machine_trap:
    csrrw t0, mscratch, t0
    sd t1, 0(t0)
    sd t2, 8(t0)
    csrr t1, mcause
    bgez t1, machine_exception
    slli t1, t1, 1
    srli t1, t1, 1
    li t2, 7
    beq t1, t2, machine_timer
    li t2, 3
    bne t1, t2, machine_exception
    # Another hart's word, here the hart's own.
    li t1, 0x2000000
    sw zero, 0(t1)
    ld t1, 24(t0)
    addi t1, t1, 1
    sd t1, 24(t0)
    j machine_return
machine_timer:
    # mtimecmp goes on by the interval; a kernel that was late gets the next tick at once.
    li t1, 0x2004000
    ld t2, 0(t1)
    ld t1, 16(t0)
    add t2, t2, t1
    li t1, 0x2004000
    sd t2, 0(t1)
    ld t1, 32(t0)
    addi t1, t1, 1
    sd t1, 32(t0)
    csrsi mip, 2
machine_return:
    ld t1, 0(t0)
    ld t2, 8(t0)
    csrrw t0, mscratch, t0
    mret
machine_exception:
    # No exception is meant for M-mode: fail with its cause.
    csrr t1, mcause
    andi t1, t1, 63
    addi t1, t1, 100
    slli t1, t1, 16
    li t2, 0x3333
    or t1, t1, t2
    li t2, 0x100000
    sw t1, 0(t2)
    j machine_exception

# void run(struct frame *): comes back at the next trap.
    .align 2
    .global run
run:
    addi sp, sp, -112
    sd ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, (8 + 8 * \n)(sp)
    .endr
    sd sp, 264(a0)
    la t0, process_trap
    csrw stvec, t0
    csrw sscratch, a0
    ld t0, 256(a0)
    csrw sepc, t0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, (8 * \n)(a0)
    .endr
    ld a0, 80(a0)
    sret

    .align 2
process_trap:
    csrrw a0, sscratch, a0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, (8 * \n)(a0)
    .endr
    csrr t0, sscratch
    sd t0, 80(a0)
    csrr t0, sepc
    sd t0, 256(a0)
    la t0, kernel_trap
    csrw stvec, t0
    ld sp, 264(a0)
    ld ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, (8 + 8 * \n)(sp)
    .endr
    addi sp, sp, 112
    ret

# The kernel runs with interrupts off and makes no exceptions.
    .align 2
    .global kernel_trap
kernel_trap:
    la sp, machine_stack_end
    la a0, kernel_trap_text
    csrr a1, scause
    call panic

    .section .rodata
kernel_trap_text:
    .string "trap in the kernel"
    .global program
    .align 12
program:
    .incbin "user.bin"
    .global program_end
program_end:

    .bss
    .align 12
    .space 8192
machine_stack_end:
    .space 8192
    .global kernel_stack_end
kernel_stack_end:
