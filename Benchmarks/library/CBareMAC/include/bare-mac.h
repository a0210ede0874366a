// HMAC-SHA256 by libcrypto, in the three ways that C programs use it with one key; the library's
// verifier is compared with them. One thread, one key at a time.
#include <stddef.h>

// Prepares all three for the key; 1 on success.
int bare_mac_prepare(const unsigned char *key, size_t key_count);

// Each writes the 32 bytes of the message's code; 1 on success.

// OpenSSL 3's interface: a context that has the key is duplicated for each message.
int bare_mac_evp_duplicated(const unsigned char *message, size_t count, unsigned char *code);
// The same interface: one context is initialised again, with the key that it has.
int bare_mac_evp_again(const unsigned char *message, size_t count, unsigned char *code);
// The older interface: SHA-256 states that have taken in the key's pads are copied.
int bare_mac_sha256_copied(const unsigned char *message, size_t count, unsigned char *code);
