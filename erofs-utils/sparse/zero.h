/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_ZERO_H
#define EROFS_SPARSE_ZERO_H

#include "types.h"

/**
 * sparse_is_zero() - are all these bytes zero?
 * @buf: any address
 * @len: how many bytes, 0 included (true)
 */
bool sparse_is_zero(const void *buf, size_t len);

#endif
