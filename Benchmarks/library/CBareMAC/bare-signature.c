#include "bare-signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

struct bare_key {
    EVP_PKEY *key;
    const EVP_MD *hash;
    int is_pss;
};

bare_key *bare_key_new(const char *pem, const char *hash, int is_pss) {
    BIO *source = BIO_new_mem_buf(pem, -1);
    bare_key *made = OPENSSL_zalloc(sizeof *made);
    if (source == NULL || made == NULL) return NULL;
    made->key = PEM_read_bio_PrivateKey(source, NULL, NULL, NULL);
    made->hash = hash == NULL ? NULL : EVP_get_digestbyname(hash);
    made->is_pss = is_pss;
    BIO_free(source);
    return made->key == NULL ? NULL : made;
}

int bare_key_verify(const bare_key *key, const unsigned char *message, size_t count,
                    const unsigned char *signature, size_t signature_count) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    int result = context != NULL
        && EVP_DigestVerifyInit(context, &options, key->hash, NULL, key->key) == 1
        && (!key->is_pss
            || (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1))
        && EVP_DigestVerify(context, signature, signature_count, message, count) == 1;
    EVP_MD_CTX_free(context);
    return result;
}
