// The reply reader of libhiredis: bytes in, replies out, no socket of its own.
#include <hiredis/hiredis.h>
