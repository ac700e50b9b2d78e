/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define MPROC_GLIB_INSIDE

#include <mproc-glib/mp-macros.h>
#include <mproc-glib/mp-error.h>
#include <mproc-glib/mp-format.h>
#include <mproc-glib/mp-message.h>
#include <mproc-glib/mp-queue.h>
#include <mproc-glib/mp-joinable-queue.h>
#include <mproc-glib/mp-task.h>
#include <mproc-glib/mp-simple-queue.h>
#include <mproc-glib/mp-pipe.h>
#include <mproc-glib/mp-connection.h>
#include <mproc-glib/mp-listener.h>
#include <mproc-glib/mp-connector.h>
#include <mproc-glib/mp-waitable.h>
#include <mproc-glib/mp-shareable.h>
#include <mproc-glib/mp-process.h>
#include <mproc-glib/mp-inherit.h>
#include <mproc-glib/mp-enum-types.h>

#undef MPROC_GLIB_INSIDE
