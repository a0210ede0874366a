// Interfaces of Linux and glibc that Swift's Glibc module lacks.
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// <sys/socket.h>, <pthread.h> and <spawn.h> declare these functions only under _GNU_SOURCE, which
// would define types of Swift's Glibc module a second time.
int accept4(int listener, void *address, void *length, int flags);
int pthread_setname_np(unsigned long thread, const char *name);
// For the programs that tests start.
int posix_spawn_file_actions_addclosefrom_np(void *actions, int from);
