/** Who makes a request, as far as access is concerned. */
export type Principal =
  | { readonly role: 'anon' }
  | { readonly role: 'authenticated'; readonly sub: string }
  | { readonly role: 'service_role' }

export const ANON: Principal = { role: 'anon' }

/** Whether `caller` is the one who made something, or stands above all owners. */
export function isOwnerOrService(caller: Principal, owner: Principal): boolean {
  if (caller.role === 'service_role') return true
  if (caller.role === 'authenticated') return owner.role === 'authenticated' && owner.sub === caller.sub
  return owner.role === 'anon'
}
