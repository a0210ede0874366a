// Posts transactions at a fixed rate and measures each from the time at which it was due. If the
// server stalls, every transaction that is due meanwhile is late and counts: there is no
// coordinated omission.
//
// usage: open-loop PORT RATE SECONDS CONNECTIONS BODIES-FILE
//
// BODIES-FILE has one body a line; they are posted in turn. The program prints one line of JSON. A
// transaction that is due waits for an idle connection; that wait is part of its latency. `late` is
// how late the generator itself was.

#include "sockets.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { BODIES_MAX = 10000, CONNECTIONS_MAX = 4096, ANSWER_MAX = 4096 };
// How long answers are awaited after the last request was due, in nanoseconds.
static const int64_t patience = 5000000000;

struct connection {
    int fd;
    int64_t due;
    size_t length;
    char answer[ANSWER_MAX];
};

static struct connection connections[CONNECTIONS_MAX];
static struct connection *idle[CONNECTIONS_MAX];
static size_t idleCount;
static char *requests[BODIES_MAX];
static size_t requestLengths[BODIES_MAX], requestCount;
static int64_t *times, *delays;
static size_t sentCount, answeredCount, refusedCount;
static int epollFd;

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void readRequests(const char *path, const char *port) {
    FILE *file = fopen(path, "r");
    char *body = NULL;
    size_t capacity = 0;
    ssize_t length;
    if (!file) die(path);
    while (requestCount < BODIES_MAX && (length = getline(&body, &capacity, file)) > 0) {
        if (body[length - 1] == '\n') body[--length] = 0;
        int whole = asprintf(
            &requests[requestCount],
            "POST /transaction HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n"
            "Content-Type: application/json\r\nContent-Length: %zd\r\n\r\n%s",
            port, length, body);
        if (whole < 0) die("asprintf");
        requestLengths[requestCount++] = (size_t)whole;
    }
    free(body);
    fclose(file);
    if (!requestCount) die("no bodies");
}

static void openConnections(const char *port, size_t count) {
    epollFd = epoll_create1(0);
    for (size_t index = 0; index < count; index += 1) {
        struct connection *connection = &connections[index];
        int fd = connected(port);
        setNoDelay(fd);
        connection->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(epollFd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
        idle[idleCount++] = connection;
    }
}

static void sendDue(int64_t begin, int64_t interval, size_t total) {
    int64_t time = nanoseconds();
    while (sentCount < total && idleCount > 0) {
        int64_t due = begin + (int64_t)sentCount * interval;
        if (due > time) return;
        struct connection *connection = idle[--idleCount];
        connection->due = due;
        connection->length = 0;
        delays[sentCount] = time - due;
        size_t which = sentCount++ % requestCount;
        // A request is far smaller than a socket's buffer, so a partial write is an error.
        ssize_t sent = write(connection->fd, requests[which], requestLengths[which]);
        if (sent != (ssize_t)requestLengths[which]) die("write");
        time = nanoseconds();
    }
}

// Whether the whole answer was received; it has a Content-Length.
static bool isWhole(struct connection *connection) {
    connection->answer[connection->length] = 0;
    char *end = strstr(connection->answer, "\r\n\r\n");
    if (!end) return false;
    char *field = strcasestr(connection->answer, "\r\ncontent-length:");
    if (!field || field > end) die("an answer without a length");
    size_t bodyLength = strtoul(field + 17, NULL, 10);
    return connection->length >= (size_t)(end + 4 - connection->answer) + bodyLength;
}

static void receive(struct connection *connection) {
    size_t room = ANSWER_MAX - 1 - connection->length;
    ssize_t got = read(connection->fd, connection->answer + connection->length, room);
    if (got <= 0) die("the server has closed a connection");
    connection->length += (size_t)got;
    if (!isWhole(connection)) return;
    times[answeredCount++] = nanoseconds() - connection->due;
    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13)) refusedCount += 1;
    idle[idleCount++] = connection;
}

static void runSchedule(int64_t interval, size_t total) {
    struct epoll_event events[256];
    int64_t begin = nanoseconds() + 10000000, end = begin + (int64_t)total * interval + patience;
    while (answeredCount < total && nanoseconds() < end) {
        sendDue(begin, interval, total);
        int64_t next = sentCount < total && idleCount > 0
            ? begin + (int64_t)sentCount * interval : end;
        int64_t pause = next - nanoseconds();
        if (pause < 0) pause = 0;
        struct timespec timeout = {pause / 1000000000, pause % 1000000000};
        int count = epoll_pwait2(epollFd, events, 256, &timeout, NULL);
        if (count < 0 && errno != EINTR) die("epoll_pwait2");
        for (int index = 0; index < count; index += 1) receive(events[index].data.ptr);
    }
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

// In microseconds; the values are sorted.
static double percentile(const int64_t *values, size_t count, double share) {
    if (!count) return 0;
    size_t index = (size_t)(share * (double)count);
    return (double)values[index < count ? index : count - 1] / 1000;
}

int main(int count, char **arguments) {
    if (count != 6) return 64;
    long rate = atol(arguments[2]), seconds = atol(arguments[3]), width = atol(arguments[4]);
    if (rate < 1 || rate > 1000000 || seconds < 1 || width < 1 || width > CONNECTIONS_MAX) {
        return 64;
    }
    size_t total = (size_t)(rate * seconds);
    times = calloc(total, sizeof *times);
    delays = calloc(total, sizeof *delays);
    if (!times || !delays) die("calloc");
    signal(SIGPIPE, SIG_IGN);
    // By default timers are up to 50 microseconds late.
    prctl(PR_SET_TIMERSLACK, 1);
    readRequests(arguments[5], arguments[1]);
    openConnections(arguments[1], (size_t)width);
    runSchedule(1000000000 / rate, total);
    qsort(times, answeredCount, sizeof *times, compare);
    qsort(delays, sentCount, sizeof *delays, compare);
    printf(
        "{\"due\": %zu, \"answered\": %zu, \"refused\": %zu, \"p50\": %.1f, \"p99\": %.1f, "
        "\"p999\": %.1f, \"max\": %.1f, \"late_p99\": %.1f}\n",
        total, answeredCount, refusedCount, percentile(times, answeredCount, 0.5),
        percentile(times, answeredCount, 0.99), percentile(times, answeredCount, 0.999),
        percentile(times, answeredCount, 1), percentile(delays, sentCount, 0.99));
    return 0;
}
