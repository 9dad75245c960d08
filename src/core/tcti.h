/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to the chip, by its name, and whether a resource manager is there. Core's own. */
#ifndef DEVID_CORE_TCTI_H
#define DEVID_CORE_TCTI_H

#include <stdbool.h>
#include <stddef.h>
#include <tss2/tss2_tcti.h>

#define DEVID_TCTI_FORKED 0xffff0001U /* of no layer of the TSS: tabrmd is known to be of no use here */

/**
 * \param name     as Tss2_TctiLdr_Initialize takes it; NULL: /dev/tpmrm0, else tabrmd, else /dev/tpm0
 * \param out      Tss2_TctiLdr_Finalize; untouched on failure
 * \param n_slots  how many objects a resource manager keeps for this connection; 0: there is none
 * \return of the TSS, or DEVID_TCTI_FORKED
 */
TSS2_RC devid_tcti_open(const char *name, TSS2_TCTI_CONTEXT **out, size_t *n_slots);

/** Whether it is a device of the kernel's that one process at a time may have open: /dev/tpm0, to which NULL comes last. */
bool devid_tcti_is_alone(const char *name);

#endif
