/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define MPROC_GLIB_INSIDE

#include "mp-macros.h"
#include "mp-condition.h"
#include "mp-version.h"
#include "mp-error.h"
#include "mp-format.h"
#include "mp-interrupts.h"
#include "mp-message.h"
#include "mp-queue.h"
#include "mp-joinable-queue.h"
#include "mp-task.h"
#include "mp-queue-monitor.h"
#include "mp-simple-queue.h"
#include "mp-pipe.h"
#include "mp-connection.h"
#include "mp-listener.h"
#include "mp-connector.h"
#include "mp-invocation.h"
#include "mp-waitable.h"
#include "mp-shareable.h"
#include "mp-process.h"
#include "mp-inherit.h"
#include "mp-pool.h"
#include "mp-pool-task.h"
#include "mp-pool-worker.h"
#include "mp-enum-types.h"

#undef MPROC_GLIB_INSIDE
