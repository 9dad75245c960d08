/* SPDX-License-Identifier: BSD-2-Clause */
/* New objects and changed ones, on their way to the store or into a session. */
#ifndef DEVID_PKCS11_WRITE_H
#define DEVID_PKCS11_WRITE_H

#include "pkcs11/module.h"

#define TRIES 16 /* of a change that other processes come before */

/** Digits that no item had before. */
CK_RV item_new_name(char name[DEVID_ITEM_NAME + 1]);
/** Put a new item into the session's token, or into the session. item->name is set. */
CK_RV item_add(const struct session *s, const struct devid_item *item, bool is_token, CK_OBJECT_HANDLE *handle);
/**
 * What a view is as an item: everything lent by the view, but for name, which has room for it.
 * \return CKR_ACTION_PROHIBITED for a private half
 */
CK_RV item_of_view(const struct view *v, char name[DEVID_ITEM_NAME + 1], struct devid_item *out);
/** Keep the other views of an object's identity, of these kinds (enum view_kind), so that they outlive it. */
CK_RV item_keep_others(const struct object *o, unsigned kinds);

/**
 * Put what became of an object's identity or item in its place, in the store or in the session.
 * \param identity, item  one of them, as the object has it; NULL: it is removed
 * \return CKR_FUNCTION_CANCELED, which no client sees: another was faster, look again
 */
CK_RV object_put_identity(const struct object *o, const struct devid_identity *identity);
CK_RV object_put_item(const struct object *o, const struct devid_item *item);
#define CKR_LOOK_AGAIN CKR_FUNCTION_CANCELED

#endif
