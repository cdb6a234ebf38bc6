/* SPDX-License-Identifier: BSD-2-Clause */
/* INS and OUTS on watched ports, one element an exit. */
#ifndef GUEST_IO_STRING_H
#define GUEST_IO_STRING_H

#include <xmhf/hypapp.h>
#include "vmx/vcpu.h"

/* @access: port, size and direction of the exit with @qualification. */
enum verdict io_string(struct vcpu *v, struct xmhf_port_access *access, u32 qualification);

/* One access to hypapp or hardware (io.c); INJECT, or another verdict when it is done. */
enum verdict io_access(struct vcpu *v, struct xmhf_port_access *access);

#endif
