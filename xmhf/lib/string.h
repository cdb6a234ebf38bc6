/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and strings: hypapps have them too. */
#include "../include/xmhf/string.h"
