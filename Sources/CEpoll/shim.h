// Linux's interfaces that Swift's Glibc module leaves out: events, and the allocator's.
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// Declared by <sys/socket.h> under _GNU_SOURCE alone, which would define other types anew.
int accept4(int listener, void *address, void *length, int flags);
