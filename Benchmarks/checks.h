// The checks of hand-written.c: a JSON object's members, base64url, an HS256 token, the fields.
//
// They refuse escapes and nesting in JSON, which Core API parses, and do not check for repeated
// members or for bytes that are not UTF-8.

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct text {
    const char *start;
    size_t length;
};

struct member {
    struct text name, value;
    char kind;  // '"' for a text, '0' for a number, 't', 'f' or 'n' for a literal
};

static inline bool equals(struct text text, const char *other, size_t length) {
    return text.length == length && !memcmp(text.start, other, length);
}
#define IS(text, literal) equals(text, literal, sizeof literal - 1)

static inline const char *skipSpace(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at += 1;
    return at;
}

// Reads the text after a quote; NULL if the text does not end or has an escape.
static const char *readText(const char *at, const char *end, struct text *text) {
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (!quote || memchr(at, '\\', (size_t)(quote - at))) return NULL;
    *text = (struct text){at, (size_t)(quote - at)};
    return quote + 1;
}

static const char *readValue(const char *at, const char *end, struct member *member) {
    member->kind = *at;
    if (*at == '"') return readText(at + 1, end, &member->value);
    const char *start = at;
    if ((*at >= '0' && *at <= '9') || *at == '-') {
        member->kind = '0';
        while ((*at >= '0' && *at <= '9') || (*at && strchr("+-.eE", *at))) at += 1;
    } else {
        while (*at >= 'a' && *at <= 'z') at += 1;
    }
    member->value = (struct text){start, (size_t)(at - start)};
    bool isLiteral = IS(member->value, "true") || IS(member->value, "false")
        || IS(member->value, "null");
    return member->kind == '0' || isLiteral ? at : NULL;
}

// Reads a flat object and calls `take` with each member. The byte after the object is 0, which
// bounds the loops that read.
static inline bool readObject(
    const char *at, size_t length, void (*take)(void *, const struct member *), void *context) {
    const char *end = at + length;
    at = skipSpace(at);
    if (*at != '{') return false;
    at = skipSpace(at + 1);
    if (*at == '}') return skipSpace(at + 1) == end;
    for (;;) {
        struct member member;
        if (*at != '"' || !(at = readText(at + 1, end, &member.name))) return false;
        at = skipSpace(at);
        if (*at != ':') return false;
        if (!(at = readValue(skipSpace(at + 1), end, &member))) return false;
        take(context, &member);
        at = skipSpace(at);
        if (*at == '}') return skipSpace(at + 1) == end;
        if (*at != ',') return false;
        at = skipSpace(at + 1);
    }
}

// A JSON integer without a sign, up to 2^53-1; UINT64_MAX for any other text.
static inline uint64_t integer(struct text text) {
    if (text.length == 0 || text.length > 16) return UINT64_MAX;
    if (text.length > 1 && text.start[0] == '0') return UINT64_MAX;
    uint64_t value = 0;
    for (size_t index = 0; index < text.length; index += 1) {
        unsigned digit = (unsigned)text.start[index] - '0';
        if (digit > 9) return UINT64_MAX;
        value = value * 10 + digit;
    }
    return value < (1ull << 53) ? value : UINT64_MAX;
}

// MARK: - Token

static uint8_t sextets[256];  // 64 for a byte that is no digit of base64url
static SHA256_CTX innerPad, outerPad;

static void prepareChecks(const char *secret) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    memset(sextets, 64, sizeof sextets);
    for (int index = 0; index < 64; index += 1) {
        sextets[(uint8_t)digits[index]] = (uint8_t)index;
    }
    uint8_t key[64] = {0}, pad[64];
    size_t length = strlen(secret);
    if (length > sizeof key) {
        SHA256((const uint8_t *)secret, length, key);
    } else {
        memcpy(key, secret, length);
    }
    for (int index = 0; index < 64; index += 1) pad[index] = key[index] ^ 0x36;
    SHA256_Init(&innerPad);
    SHA256_Update(&innerPad, pad, sizeof pad);
    for (int index = 0; index < 64; index += 1) pad[index] = key[index] ^ 0x5C;
    SHA256_Init(&outerPad);
    SHA256_Update(&outerPad, pad, sizeof pad);
}

// The number of decoded bytes; 0 if the text is not base64url.
static size_t decode(struct text text, uint8_t *output) {
    const uint8_t *at = (const uint8_t *)text.start, *end = at + (text.length & ~(size_t)3);
    uint8_t *start = output, wrong = 0;
    for (; at < end; at += 4, output += 3) {
        uint8_t a = sextets[at[0]], b = sextets[at[1]], c = sextets[at[2]], d = sextets[at[3]];
        wrong |= a | b | c | d;
        output[0] = (uint8_t)(a << 2 | b >> 4);
        output[1] = (uint8_t)(b << 4 | c >> 2);
        output[2] = (uint8_t)(c << 6 | d);
    }
    size_t rest = text.length & 3;
    if (rest == 1) return 0;
    if (rest >= 2) {
        uint8_t a = sextets[at[0]], b = sextets[at[1]];
        uint8_t c = rest == 3 ? sextets[at[2]] : 0;
        wrong |= a | b | c;
        *output++ = (uint8_t)(a << 2 | b >> 4);
        if (rest == 3) *output++ = (uint8_t)(b << 4 | c >> 2);
        // Bits beyond the last byte are zero (RFC 4648 section 3.5).
        if ((rest == 2 ? b << 4 : c << 6) & 0xFF) return 0;
    }
    return wrong & 64 ? 0 : (size_t)(output - start);
}

struct claims {
    uint64_t user;
    bool isEnabled, hasExpiry, isExpired;
    time_t now;
};

static void takeClaim(void *context, const struct member *member) {
    struct claims *claims = context;
    if (IS(member->name, "exp") && member->kind == '0') {
        uint64_t expiry = integer(member->value);
        claims->hasExpiry = expiry != UINT64_MAX;
        claims->isExpired = expiry <= (uint64_t)claims->now;
    } else if (IS(member->name, "user_id") && member->kind == '0') {
        claims->user = integer(member->value);
    } else if (IS(member->name, "enabled")) {
        claims->isEnabled = member->kind == 't';
    } else if (IS(member->name, "nbf") && member->kind == '0') {
        claims->isExpired |= integer(member->value) > (uint64_t)claims->now;
    }
}

static void takeHeader(void *context, const struct member *member) {
    if (IS(member->name, "alg") && member->kind == '"') {
        *(bool *)context = IS(member->value, "HS256");
    }
}

// In practice all tokens have the same header, so it is compared with the last good one first.
static bool isHeaderGood(struct text header) {
    static char last[256];
    static size_t lastLength;
    if (lastLength && equals(header, last, lastLength)) return true;
    char bytes[200];
    if (header.length > sizeof last) return false;
    size_t length = decode(header, (uint8_t *)bytes);
    bytes[length] = 0;
    bool isHS256 = false;
    if (!readObject(bytes, length, takeHeader, &isHS256) || !isHS256) return false;
    memcpy(last, header.start, header.length);
    lastLength = header.length;
    return true;
}

static bool isSigned(struct text message, struct text signature) {
    uint8_t given[36], code[32];
    if (signature.length != 43 || decode(signature, given) != 32) return false;
    SHA256_CTX context = innerPad;
    SHA256_Update(&context, message.start, message.length);
    SHA256_Final(code, &context);
    context = outerPad;
    SHA256_Update(&context, code, sizeof code);
    SHA256_Final(code, &context);
    return CRYPTO_memcmp(code, given, sizeof code) == 0;
}

// 0, or the status of the refusal.
static int checkToken(struct text token, time_t now, uint64_t *user) {
    char payload[6 << 10];
    const char *dot = memchr(token.start, '.', token.length);
    const char *second = memrchr(token.start, '.', token.length);
    if (!dot || dot == second || token.length > 8 << 10) return 401;
    const char *end = token.start + token.length;
    struct text message = {token.start, (size_t)(second - token.start)};
    struct text signature = {second + 1, (size_t)(end - second - 1)};
    if (!isHeaderGood((struct text){token.start, (size_t)(dot - token.start)})) return 401;
    if (!isSigned(message, signature)) return 401;
    size_t length = decode((struct text){dot + 1, (size_t)(second - dot - 1)}, (uint8_t *)payload);
    payload[length] = 0;
    struct claims claims = {.user = UINT64_MAX, .now = now};
    if (length == 0 || !readObject(payload, length, takeClaim, &claims)) return 401;
    if (!claims.hasExpiry || claims.isExpired || claims.user == UINT64_MAX) return 401;
    *user = claims.user;
    return claims.isEnabled ? 0 : 403;
}

// MARK: - Body

struct order {
    struct text token, currency;
    uint64_t amount;
};

static void takeField(void *context, const struct member *member) {
    struct order *order = context;
    if (IS(member->name, "amount")) {
        bool isNumber = member->kind == '0' || member->kind == '"';
        order->amount = isNumber ? integer(member->value) : UINT64_MAX;
    } else if (IS(member->name, "currency") && member->kind == '"') {
        order->currency = member->value;
    } else if (IS(member->name, "token") && member->kind == '"') {
        order->token = member->value;
    }
}

// Three capitals; the table of currency codes is left out.
static bool isCurrency(struct text code) {
    if (code.length != 3) return false;
    for (int index = 0; index < 3; index += 1) {
        if (code.start[index] < 'A' || code.start[index] > 'Z') return false;
    }
    return true;
}

// 0, or the status of the refusal. The byte after the body is 0.
static int checkBody(const char *body, size_t length, time_t now, struct order *order,
    uint64_t *user) {
    *order = (struct order){.amount = UINT64_MAX};
    if (!readObject(body, length, takeField, order)) return 400;
    if (!order->token.start) return 401;
    int refusal = checkToken(order->token, now, user);
    if (refusal) return refusal;
    if (order->amount == 0 || order->amount == UINT64_MAX || !isCurrency(order->currency)) {
        return 422;
    }
    return 0;
}
