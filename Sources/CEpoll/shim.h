// Linux's interfaces that Swift's Glibc module leaves out: events, and the allocator's.
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// Declared by <sys/socket.h> under _GNU_SOURCE alone, which would define other types anew.
int accept4(int listener, void *address, void *length, int flags);

// Declared by <spawn.h> under _GNU_SOURCE alone. Tests start their programs with it.
int posix_spawn_file_actions_addclosefrom_np(void *actions, int from);
