/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Session objects: PKCS#11 2.40, 4.3 and 5.6. They are in no folder, all sessions of the application see them, and they
 * end with the session that made them.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

static void loose_free(struct loose *l)
{
    catalogue_free(l->catalogue);
    free(l);
}

/* Is it for who is logged in alone? Its own snapshot knows of no PIN. */
static bool is_private(const struct session *s, const struct catalogue *c)
{
    struct catalogue *now = catalogue_current();
    bool is = false;

    for (size_t i = 0; i < c->n_views; i++)
        is = is || (c->views[i].flags & DEVID_FLAG_PRIVATE) != 0;
    is = is && now != NULL && devid_snapshot_has_pin(now->snap, s->slot->token, NULL);
    catalogue_free(now);
    return is;
}

CK_RV loose_add(const struct session *s, struct catalogue *c)
{
    struct loose *l = calloc(1, sizeof *l), **at = &the.loose;
    bool needs_login = is_private(s, c);
    CK_RV rv = CKR_OK;

    if (l == NULL) {
        catalogue_free(c);
        return CKR_HOST_MEMORY;
    }
    *l = (struct loose){.catalogue = c, .session = s->handle};
    (void)pthread_mutex_lock(&the.current);
    while (*at != NULL)
        at = &(*at)->next;
    *at = l;
    /* closed, or logged out, in the middle of the call: who did it has been here already */
    if (needs_login && atomic_load(&s->slot->n_logouts) != s->n_logouts)
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv != CKR_OK || atomic_load(&s->is_closed)) {
        *at = NULL;
        l->next = the.dead;
        the.dead = l;
    }
    (void)pthread_mutex_unlock(&the.current);
    return rv;
}

bool loose_replace(const struct catalogue *old, struct catalogue *new)
{
    struct catalogue *gone = new;
    struct loose *l, **at = &the.loose;

    (void)pthread_mutex_lock(&the.current);
    while (*at != NULL && (*at)->catalogue != old)
        at = &(*at)->next;
    l = *at;
    if (l != NULL) {
        gone = l->catalogue;
        l->catalogue = new;
    }
    if (l != NULL && new == NULL)
        *at = l->next;
    (void)pthread_mutex_unlock(&the.current);
    catalogue_free(gone);
    if (l != NULL && new == NULL)
        free(l);
    return l != NULL;
}

struct catalogue *loose_find(CK_OBJECT_HANDLE handle, struct view **view)
{
    struct catalogue *c = NULL;

    *view = NULL;
    (void)pthread_mutex_lock(&the.current);
    for (const struct loose *l = the.loose; l != NULL && *view == NULL; l = l->next) {
        *view = catalogue_find(l->catalogue, handle);
        if (*view != NULL)
            c = catalogue_hold(l->catalogue);
    }
    (void)pthread_mutex_unlock(&the.current);
    return c;
}

CK_RV loose_list(struct catalogue ***list, size_t *n)
{
    size_t count = 0;

    *n = 0;
    (void)pthread_mutex_lock(&the.current);
    for (const struct loose *l = the.loose; l != NULL; l = l->next)
        count++;
    *list = calloc(count + 1, sizeof **list);
    for (const struct loose *l = the.loose; l != NULL && *list != NULL; l = l->next)
        (*list)[(*n)++] = catalogue_hold(l->catalogue);
    (void)pthread_mutex_unlock(&the.current);
    return *list != NULL ? CKR_OK : CKR_HOST_MEMORY;
}

void loose_list_free(struct catalogue **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        catalogue_free(list[i]);
    free(list);
}

void loose_end(CK_SESSION_HANDLE session)
{
    struct loose **at = &the.loose;

    (void)pthread_mutex_lock(&the.current);
    while (*at != NULL) {
        struct loose *l = *at;

        if (session != 0 && l->session != session) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        l->next = the.dead;
        the.dead = l;
    }
    (void)pthread_mutex_unlock(&the.current);
}

void loose_bury(void)
{
    struct loose *dead;

    (void)pthread_mutex_lock(&the.current);
    dead = the.dead;
    the.dead = NULL;
    (void)pthread_mutex_unlock(&the.current);
    while (dead != NULL) {
        struct loose *next = dead->next;

        loose_free(dead);
        dead = next;
    }
}
