/* SPDX-License-Identifier: BSD-2-Clause */
/* What tpm2-tss itself says on standard error. */
#ifndef DEVID_CORE_QUIET_H
#define DEVID_CORE_QUIET_H

/**
 * Nothing, unless the user has set TSS2_LOG: in a program that is not ours it would only be noise, and what matters is in struct
 * devid_error. tpm2-tss listens to the environment alone, so the variable is set for the process, once. To be called before
 * anything of tpm2-tss is, from any thread.
 */
void devid_quiet_tss(void);

#endif
