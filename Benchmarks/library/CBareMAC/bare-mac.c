// The SHA256_ functions are deprecated since OpenSSL 3.0; they are the fastest.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "bare-mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

enum { BLOCK_BYTES = 64, CODE_BYTES = 32 };

static EVP_MAC_CTX *prepared, *again;
static SHA256_CTX inner, outer;

static EVP_MAC_CTX *context(EVP_MAC *mac, const unsigned char *key, size_t key_count) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *made = EVP_MAC_CTX_new(mac);
    if (made == NULL || !EVP_MAC_init(made, key, key_count, parameters)) return NULL;
    return made;
}

static int prepare_pad(SHA256_CTX *state, const unsigned char *block, unsigned char value) {
    unsigned char pad[BLOCK_BYTES];
    for (int i = 0; i < BLOCK_BYTES; i++) pad[i] = block[i] ^ value;
    return SHA256_Init(state) && SHA256_Update(state, pad, sizeof pad);
}

int bare_mac_prepare(const unsigned char *key, size_t key_count) {
    unsigned char block[BLOCK_BYTES] = {0};
    if (key_count > sizeof block) return 0;
    memcpy(block, key, key_count);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL) return 0;
    prepared = context(mac, key, key_count);
    again = context(mac, key, key_count);
    EVP_MAC_free(mac);
    return prepared != NULL && again != NULL && prepare_pad(&inner, block, 0x36)
        && prepare_pad(&outer, block, 0x5c);
}

static int finish(EVP_MAC_CTX *context, const unsigned char *message, size_t count,
                  unsigned char *code) {
    size_t written = 0;
    return EVP_MAC_update(context, message, count)
        && EVP_MAC_final(context, code, &written, CODE_BYTES) && written == CODE_BYTES;
}

int bare_mac_evp_duplicated(const unsigned char *message, size_t count, unsigned char *code) {
    EVP_MAC_CTX *copy = EVP_MAC_CTX_dup(prepared);
    int result = copy != NULL && finish(copy, message, count, code);
    EVP_MAC_CTX_free(copy);
    return result;
}

int bare_mac_evp_again(const unsigned char *message, size_t count, unsigned char *code) {
    return EVP_MAC_init(again, NULL, 0, NULL) && finish(again, message, count, code);
}

int bare_mac_sha256_copied(const unsigned char *message, size_t count, unsigned char *code) {
    SHA256_CTX state = inner;
    unsigned char hash[CODE_BYTES];
    if (!SHA256_Update(&state, message, count) || !SHA256_Final(hash, &state)) return 0;
    state = outer;
    return SHA256_Update(&state, hash, sizeof hash) && SHA256_Final(code, &state);
}
