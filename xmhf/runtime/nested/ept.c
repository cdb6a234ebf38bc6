#include "memory/ept01.h"
#include "nested/ept12_walk.h"
#include "nested/state.h"
#include "vmx/vcpu.h"
#include "guest/exits.h"
struct ept12_rules nested_ept12_rules;
void nested_ept_put(struct nested_vmcs *c) { (void)c; }
u64 nested_ept_pointer(struct vcpu *v, struct nested_vmcs *c) { (void)v; (void)c; return ept_pointer(&ept01); }
u64 nested_page_to_read(u64 page) { return page; }
u64 nested_page_to_write(u64 page) { return page; }
enum verdict nested_ept_violation(struct vcpu *v) { return guest_ept_violation(v); }
void nested_ept_invalidate(struct vcpu *v, enum invept_kind kind, u64 eptp12) { (void)v, (void)kind, (void)eptp12; }
