/* SPDX-License-Identifier: BSD-2-Clause */
/* multipart/mixed bodies, of which libcurl writes only those of forms and reads none. RFC 2046 section 5.1. */
#ifndef DEVID_EST_MULTIPART_H
#define DEVID_EST_MULTIPART_H

#include "est/message.h"

#define MULTIPART_MAX 8       /* parts that are accepted */
#define MULTIPART_TYPE_MAX 96 /* bytes of a Content-Type, with its NUL */

struct multipart_part {
    char type[MULTIPART_TYPE_MAX]; /* of its Content-Type, parameters included; empty if it has none */
    struct devid_bytes content;    /* decoded */
};

struct multipart {
    struct multipart_part parts[MULTIPART_MAX];
    size_t n;
};

void multipart_free(struct multipart *m);

/** One more part, in base64, behind *body; the boundary is MULTIPART_BOUNDARY. */
devid_rc multipart_add(struct devid_bytes *body, const char *type, struct devid_slice content, struct devid_error *err);
/** What comes after the last part. */
devid_rc multipart_end(struct devid_bytes *body, struct devid_error *err);

/* No base64 has it in a line. */
#define MULTIPART_BOUNDARY "--devid-of-multipart--"

/**
 * Take a reply apart. Lines end in CRLF or LF; what is before the first boundary and after the last is passed over; each
 * part's content is base64 (message_der), whatever its Content-Transfer-Encoding says.
 *
 * \param type  of its Content-Type header
 * \param out   freed by the caller, also after a failure
 * \return DEVID_E_DATA with what is wrong; also for another type, no part, and more than MULTIPART_MAX
 */
devid_rc multipart_read(const char *type, struct devid_slice body, struct multipart *out, struct devid_error *err);

#endif
