/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one thing that we read in AML: Name (_Sx_, Package {…}) objects.
 */
#ifndef XMHF_LIB_AML_H
#define XMHF_LIB_AML_H

#include "types.h"

/*
 * Searches @length bytes of AML for Name (_Sn_, Package () {a, b, …}), n = @state (0 to 5), with
 * integer constants a and b; the first well-formed one counts. A package with one element gives
 * both from it, as older firmware packs them: a in bits 7:0, b in bits 15:8.
 * Bytes only, no interpreter: a name that is computed isn't found.
 */
bool aml_find_sleep(const u8 *aml, u32 length, u32 state, u8 *slp_typ_a, u8 *slp_typ_b);

#endif
