// The whole job of Core API by hand, in C, for the bench: the limit that Core API is held to.
//
// epoll, the request's three members, HS256 by libcrypto, the transaction to Redis by a socket of
// its own and hiredis' reader, all commands of one turn of the loop in one write, and a 200 once
// Redis has confirmed.
//
// usage: JWT_SECRET=… hand-written PORT REDIS-PORT xadd|stream|rq NAME [SCRIPT-FILE]
//
//   xadd    a plain XADD to the stream NAME: the least that can be asked of Redis
//   stream  Core API's script for streams, as Core API calls it
//   rq      Core API's script for jobs of python-rq

#include "server.h"

#include "checks.h"

#include <hiredis/hiredis.h>
#include <sys/random.h>

enum { COMMANDS_MAX = 1 << 20, WAITING_MAX = 1 << 14, COMMAND_MAX = 2048 };

static enum { XADD, STREAM, RQ } mode;
static const char *queueName;
// What a record's key has before the id, its length in the protocol included.
static char recordStart[192];
static char digest[41];

static int redisFd;
static redisReader *reader;
static char commands[COMMANDS_MAX];
static size_t commandsLength;
static bool redisWaitsToWrite;
// Those whose transactions are with Redis, in the order of their commands.
static struct connection *waiting[WAITING_MAX];
static size_t waitingFirst, waitingCount;

// MARK: - Time

static struct timespec now;
static char responseStart[128], timestamp[28];
static size_t responseStartLength;

// Once for each turn; the texts once for each second.
static void noteTime(void) {
    time_t before = now.tv_sec;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != before) {
        struct tm date;
        char text[32];
        gmtime_r(&now.tv_sec, &date);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S", &date);
        responseStartLength = (size_t)snprintf(
            responseStart, sizeof responseStart,
            "HTTP/1.1 200 OK\r\nDate: %s GMT\r\nContent-Type: application/json\r\n"
            "Content-Length: ", text);
        strftime(timestamp, sizeof timestamp, "%Y-%m-%dT%H:%M:%S.000000Z", &date);
    }
    long microsecond = now.tv_nsec / 1000;
    for (int index = 25; index >= 20; index -= 1, microsecond /= 10) {
        timestamp[index] = (char)('0' + microsecond % 10);
    }
}

// MARK: - Text

static char *put(char *at, const void *bytes, size_t length) {
    memcpy(at, bytes, length);
    return at + length;
}
#define PUT(at, literal) put(at, literal, sizeof literal - 1)

static char *putNumber(char *at, uint64_t number) {
    char digits[20];
    int first = 20;
    do {
        digits[--first] = (char)('0' + number % 10);
    } while (number /= 10);
    return put(at, digits + first, (size_t)(20 - first));
}

// A bulk string of the Redis protocol.
static char *putWord(char *at, const void *bytes, size_t length) {
    *at++ = '$';
    at = putNumber(at, length);
    at = PUT(at, "\r\n");
    at = put(at, bytes, length);
    return PUT(at, "\r\n");
}
#define PUT_WORD(at, literal) putWord(at, literal, sizeof literal - 1)

static char *putNumberWord(char *at, uint64_t number) {
    char digits[20];
    return putWord(at, digits, (size_t)(putNumber(digits, number) - digits));
}

// A random UUID (version 4). The system is asked for 256 of them at once.
static void newID(char *text) {
    static uint8_t pool[4096];
    static size_t used = sizeof pool;
    static const char digits[] = "0123456789abcdef";
    if (used == sizeof pool) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool) die("getrandom");
        used = 0;
    }
    uint8_t *bytes = pool + used;
    used += 16;
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    for (int index = 0; index < 16; index += 1) {
        if (index == 4 || index == 6 || index == 8 || index == 10) *text++ = '-';
        *text++ = digits[bytes[index] >> 4];
        *text++ = digits[bytes[index] & 15];
    }
}

// MARK: - Commands

static char *putEntry(char *at, const struct connection *transaction) {
    at = PUT(at, "$2\r\nid\r\n$36\r\n");
    at = put(at, transaction->id, 36);
    at = PUT(at, "\r\n$6\r\namount\r\n");
    at = putNumberWord(at, transaction->amount);
    at = PUT(at, "$8\r\ncurrency\r\n$3\r\n");
    at = put(at, transaction->currency, 3);
    at = PUT(at, "\r\n$7\r\nuser_id\r\n");
    at = putNumberWord(at, transaction->user);
    at = PUT(at, "$10\r\ncreated_at\r\n$27\r\n");
    at = put(at, timestamp, 27);
    return PUT(at, "\r\n");
}

static char *putRecordKey(char *at, const struct connection *transaction) {
    at = put(at, recordStart, strlen(recordStart));
    at = put(at, transaction->id, 36);
    return PUT(at, "\r\n");
}

// `ID AMOUNT CURRENCY`, its lifetime, and the id.
static char *putRecord(char *at, const struct connection *transaction) {
    char record[64], *end = put(record, transaction->id, 36);
    *end++ = ' ';
    end = putNumber(end, transaction->amount);
    *end++ = ' ';
    end = put(end, transaction->currency, 3);
    at = putWord(at, record, (size_t)(end - record));
    at = PUT(at, "$3\r\n120\r\n");
    return putWord(at, transaction->id, 36);
}

static char *putPickledNumber(char *at, uint64_t number) {
    int bytes = number < 1 << 8 ? 1 : number < 1 << 16 ? 2 : number < 1u << 31 ? 4 : 0;
    if (bytes) {
        *at++ = bytes == 1 ? 'K' : bytes == 2 ? 'M' : 'J';
    } else {
        bytes = (64 - __builtin_clzll(number)) / 8 + 1;
        *at++ = (char)0x8A;
        *at++ = (char)bytes;
    }
    for (int index = 0; index < bytes; index += 1) *at++ = (char)(number >> 8 * index);
    return at;
}

// Data, timestamp, description and queue of a job of python-rq.
static char *putJob(char *at, const struct connection *transaction) {
    char data[128], *end = PUT(data, "\x80\x02(X\x19\0\0\0__main__.make_transactionN)}("
        "X\x07\0\0\0user_id");
    end = putPickledNumber(end, transaction->user);
    end = PUT(end, "X\x06\0\0\0" "amount");
    end = putPickledNumber(end, transaction->amount);
    end = PUT(end, "X\x08\0\0\0" "currencyX\x03\0\0\0");
    end = put(end, transaction->currency, 3);
    end = PUT(end, "ut.");
    at = putWord(at, data, (size_t)(end - data));
    at = putWord(at, timestamp, 27);
    char call[128];
    end = PUT(call, "__main__.make_transaction(amount=");
    end = putNumber(end, transaction->amount);
    end = PUT(end, ", currency='");
    end = put(end, transaction->currency, 3);
    end = PUT(end, "', user_id=");
    end = putNumber(end, transaction->user);
    *end++ = ')';
    at = putWord(at, call, (size_t)(end - call));
    at = putWord(at, queueName, strlen(queueName));
    return PUT_WORD(at, "");
}

static char *putXADD(char *at, const struct connection *transaction) {
    at = PUT(at, "*13\r\n$4\r\nXADD\r\n");
    at = putWord(at, queueName, strlen(queueName));
    at = PUT(at, "$1\r\n*\r\n");
    return putEntry(at, transaction);
}

static char *putStreamCall(char *at, const struct connection *transaction) {
    at = PUT(at, "*13\r\n$7\r\nEVALSHA\r\n");
    at = putWord(at, digest, 40);
    at = PUT(at, "$1\r\n2\r\n");
    at = putRecordKey(at, transaction);
    at = putWord(at, queueName, strlen(queueName));
    at = putRecord(at, transaction);
    at = putNumberWord(at, transaction->amount);
    at = putWord(at, transaction->currency, 3);
    at = putNumberWord(at, transaction->user);
    at = putWord(at, timestamp, 27);
    return PUT_WORD(at, "");
}

static char *putJobCall(char *at, const struct connection *transaction) {
    char key[128], *end = PUT(key, "rq:queue:");
    at = PUT(at, "*15\r\n$7\r\nEVALSHA\r\n");
    at = putWord(at, digest, 40);
    at = PUT(at, "$1\r\n4\r\n");
    at = putRecordKey(at, transaction);
    at = PUT(at, "$43\r\nrq:job:");
    at = put(at, transaction->id, 36);
    at = PUT(at, "\r\n");
    end = put(end, queueName, strlen(queueName));
    at = putWord(at, key, (size_t)(end - key));
    at = PUT_WORD(at, "rq:queues");
    at = putRecord(at, transaction);
    return putJob(at, transaction);
}

// MARK: - Requests and answers

static void putAnswer(struct connection *connection) {
    char body[96], *end = PUT(body, "{\"amount\":");
    end = putNumber(end, connection->amount);
    end = PUT(end, ",\"currency\":\"");
    end = put(end, connection->currency, 3);
    end = PUT(end, "\",\"user_id\":");
    end = putNumber(end, connection->user);
    *end++ = '}';
    char *start = connection->output + connection->outputLength;
    char *at = put(start, responseStart, responseStartLength);
    at = putNumber(at, (uint64_t)(end - body));
    at = PUT(at, "\r\nTransaction-Id: ");
    at = put(at, connection->id, 36);
    at = PUT(at, "\r\n\r\n");
    at = put(at, body, (size_t)(end - body));
    connection->outputLength += (size_t)(at - start);
}

static bool refuse(struct connection *connection, int status) {
    int length = sprintf(connection->output + connection->outputLength,
        "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    connection->outputLength += (size_t)length;
    return false;
}

static bool serve(struct connection *connection, const struct head *head) {
    static const char start[] = "POST /transaction HTTP/1.1\r\n";
    if (memcmp(connection->input, start, sizeof start - 1)) return refuse(connection, 404);
    if (waitingCount == WAITING_MAX || commandsLength + COMMAND_MAX > COMMANDS_MAX) {
        return refuse(connection, 503);
    }
    // The readers stop at a 0, so they need no bound; what stood there may be the next request.
    char *end = connection->input + head->length, next = *end;
    *end = 0;
    struct order order;
    int status = checkBody(
        head->body, head->bodyLength, now.tv_sec, &order, &connection->user);
    *end = next;
    if (status) return refuse(connection, status);
    connection->amount = order.amount;
    memcpy(connection->currency, order.currency.start, 3);
    newID(connection->id);
    char *at = commands + commandsLength;
    at = mode == XADD ? putXADD(at, connection)
        : mode == STREAM ? putStreamCall(at, connection) : putJobCall(at, connection);
    commandsLength = (size_t)(at - commands);
    waiting[(waitingFirst + waitingCount++) % WAITING_MAX] = connection;
    connection->awaits = true;
    return true;
}

// MARK: - Redis

static void writeCommands(void) {
    if (!commandsLength || redisWaitsToWrite) return;
    ssize_t sent = write(redisFd, commands, commandsLength);
    if (sent < 0 && errno != EAGAIN) die("Redis");
    if (sent > 0) commandsLength -= (size_t)sent;
    if (commandsLength > 0) {
        if (sent > 0) memmove(commands, commands + sent, commandsLength);
        redisWaitsToWrite = true;
        watch(redisFd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, &epollFd);
    }
}

static void turnEnded(void) { writeCommands(); }

static void confirm(bool isEnqueued) {
    struct connection *connection = waiting[waitingFirst % WAITING_MAX];
    waitingFirst += 1;
    waitingCount -= 1;
    connection->awaits = false;
    if (connection->isClosed) {
        connection->next = closedConnections;
        closedConnections = connection;
        return;
    }
    if (isEnqueued) {
        putAnswer(connection);
        serveInput(connection);
    } else {
        refuse(connection, 503);
        sendOutput(connection);
        closeConnection(connection);
    }
}

static void otherReady(void *pointer) {
    static char replies[64 << 10];
    (void)pointer;
    if (redisWaitsToWrite) {
        redisWaitsToWrite = false;
        watch(redisFd, EPOLL_CTL_MOD, EPOLLIN, &epollFd);
        writeCommands();
    }
    ssize_t got = read(redisFd, replies, sizeof replies);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("Redis");
    redisReaderFeed(reader, replies, (size_t)got);
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) die("Redis's reply");
        if (!reply) break;
        // A reader without functions that build replies gives their types.
        int type = (int)(intptr_t)reply;
        confirm(type == (mode == XADD ? REDIS_REPLY_STRING : REDIS_REPLY_INTEGER));
    }
}

// Connects, and loads the script, whose digest the reply is; only then does anything not wait.
static void startRedis(const char *port, const char *scriptPath) {
    struct sockaddr_in address = loopback(port);
    int on = 1;
    redisFd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (redisFd < 0 || connect(redisFd, (struct sockaddr *)&address, sizeof address) < 0) {
        die("Redis");
    }
    if (mode != XADD) {
        static char script[16 << 10], reply[64];
        FILE *file = fopen(scriptPath, "r");
        if (!file) die(scriptPath);
        size_t length = fread(script, 1, sizeof script, file);
        fclose(file);
        char *at = PUT(commands, "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n");
        at = putWord(at, script, length);
        if (write(redisFd, commands, (size_t)(at - commands)) < 0) die("Redis");
        if (recv(redisFd, reply, 47, MSG_WAITALL) != 47 || reply[0] != '$') die("SCRIPT LOAD");
        memcpy(digest, reply + 5, 40);
    }
    setsockopt(redisFd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(redisFd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
    reader = redisReaderCreateWithFunctions(NULL);
    if (!reader) die("hiredis");
    watch(redisFd, EPOLL_CTL_ADD, EPOLLIN, &epollFd);
}

int main(int count, char **arguments) {
    const char *secret = getenv("JWT_SECRET");
    if (count < 5 || !secret || strlen(arguments[4]) > 64) return 64;
    mode = !strcmp(arguments[3], "xadd") ? XADD : !strcmp(arguments[3], "rq") ? RQ : STREAM;
    queueName = arguments[4];
    char key[128];
    int length = snprintf(
        key, sizeof key, "core-api:transaction:{%s%s}:", mode == RQ ? "rq:queue:" : "", queueName);
    snprintf(recordStart, sizeof recordStart, "$%d\r\n%s", length + 36, key);
    prepareChecks(secret);
    noteTime();
    startListening(arguments[1]);
    startRedis(arguments[2], count > 5 ? arguments[5] : "");
    run(noteTime);
}
