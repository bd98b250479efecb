// System calls without the C library around them, for what happens for every byte: its functions are cancellation
// points, and syscall(2) moves six arguments and sets errno, which together is more than the rest of what is done here.
#pragma once

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/// What the kernel returns: a result, or -errno.
static inline long tandem_direct_call(long number, long first, long second, long third, long fourth, long fifth,
                                      long sixth) {
#if defined(__x86_64__) && defined(__LP64__)
    long result;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    register long r9 __asm__("r9") = sixth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__) && defined(__LP64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x3 __asm__("x3") = fourth;
    register long x4 __asm__("x4") = fifth;
    register long x5 __asm__("x5") = sixth;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
    long result = syscall(number, first, second, third, fourth, fifth, sixth);
    return result < 0 ? -errno : result;
#endif
}
