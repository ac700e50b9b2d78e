// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Definitions of what the JavaScript override adds to the definitions that ts-for-gir generates
// from the GIR: native values, optional arguments, promises and iterators.  docs/javascript.md
// describes how to use both.

declare module 'gi://Mp?version=1.0' {

import type Gio from 'gi://Gio?version=2.0';
import type GLib from 'gi://GLib?version=2.0';
import type GObject from 'gi://GObject?version=2.0';

export namespace Mp {
    /** What can be put and sent. */
    type Value =
        | null | boolean | number | bigint | string | Uint8Array
        | GLib.Bytes | GLib.Variant | GObject.Object | Message
        | readonly Value[] | {readonly [key: string]: Value} | ReadonlyMap<number | bigint, Value>;

    type Cancel = Gio.Cancellable | null;
    type Bytes = GLib.Bytes | Uint8Array;
    type Loop<T> = Iterable<T> & AsyncIterable<T>;
    type Type<T> = {$gtype: GObject.GType<T>};

    interface Progress {
        id: number | bigint;
        pid: number;
        delivery_count: number;
        fraction: number;
        text: string;
    }

    interface Queue {
        put(value: Value, timeout?: number, cancellable?: Cancel): boolean;
        put_async(value: Value, priority?: number, cancellable?: Cancel): Promise<boolean>;
        put_many(values: Iterable<Value>, timeout?: number, cancellable?: Cancel): number;
        try_put(value: Value): boolean;
        get(timeout?: number, cancellable?: Cancel): any;
        get_async(priority?: number, cancellable?: Cancel): Promise<any>;
        get_many(max: number, timeout?: number, cancellable?: Cancel): any[];
        /** Returns `undefined` if there is no message. */
        try_get(): any;

        put_bytes(bytes: Bytes, timeout?: number, cancellable?: Cancel): boolean;
        put_data(data: Uint8Array, timeout?: number, cancellable?: Cancel): boolean;
        put_json(json: string, timeout?: number, cancellable?: Cancel): boolean;
        start(priority?: number): void;
        put_payload(format: Format, data: Uint8Array, timeout?: number): boolean;
        put_message(message: Message, timeout?: number, cancellable?: Cancel): boolean;
        put_message_async(message: Message, priority?: number, cancellable?: Cancel): Promise<boolean>;
        get_bytes(timeout?: number, cancellable?: Cancel): Uint8Array;
        get_data(timeout?: number, cancellable?: Cancel): Uint8Array;
        get_json(timeout?: number, cancellable?: Cancel): string;
        get_payload(accepted: Formats, timeout?: number): [Uint8Array, Format];
        get_message(timeout?: number, cancellable?: Cancel): Message;
        get_message_async(priority?: number, cancellable?: Cancel): Promise<Message>;

        put_many_async(values: Iterable<Value>, priority?: number, cancellable?: Cancel): Promise<number>;
        get_many_async(max?: number, priority?: number): Promise<any[]>;

        flush(timeout?: number, cancellable?: Cancel): boolean;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
        shutdown(immediate?: boolean): boolean;
        shutdown_async(immediate?: boolean, priority?: number, cancellable?: Cancel): Promise<boolean>;
        clear_async(priority?: number, cancellable?: Cancel): Promise<number>;
        create_source(cancellable?: Cancel): GLib.Source;
        values(priority?: number): Loop<any>;
        [Symbol.iterator](): Iterator<any>;
        [Symbol.asyncIterator](): AsyncIterator<any>;
    }

    interface SimpleQueue {
        put(value: Value): boolean;
        get(): any;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
    }

    interface JoinableQueue {
        join(timeout?: number, cancellable?: Cancel): boolean;
        join_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        get_task(timeout?: number, cancellable?: Cancel): Task;
        get_task_async(priority?: number, cancellable?: Cancel): Promise<Task>;
        get_tasks(max: number, timeout?: number, cancellable?: Cancel): Task[];
        get_tasks_async(max?: number, priority?: number, cancellable?: Cancel): Promise<Task[]>;
        finish_tasks(tasks: Task[]): boolean;
        finish_tasks_async(tasks: Task[], priority?: number, cancellable?: Cancel): Promise<boolean>;
        task_done_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
        requeue_dead(serial?: number): boolean;
        list_progress(): Progress[];
        tasks(priority?: number): Loop<Task>;
    }

    interface Task {
        readonly value: any;
        set_progress(fraction: number, text?: string | null): boolean;
        done_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        retry_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
    }

    interface Message {
        readonly value: any;
        get_bytes(): Uint8Array;
        get_object<T>(type: Type<T>): T;
        get_object(type?: GObject.GType): GObject.Object;
    }

    namespace Message {
        function new_value(value: Value): Message;
    }

    interface Invocation {
        readonly value: any;
        return_value(value: Value): void;
    }

    interface Connection {
        call(value: Value, timeout?: number, cancellable?: Cancel): any;
        call_async(value: Value, timeout?: number, priority?: number, cancellable?: Cancel): Promise<any>;
        call_message_async(message: Message, timeout?: number, priority?: number, cancellable?: Cancel): Promise<Message>;
        send(value: Value, timeout?: number, cancellable?: Cancel): boolean;
        send_async(value: Value, priority?: number, cancellable?: Cancel): Promise<boolean>;
        recv(timeout?: number, cancellable?: Cancel): any;
        recv_async(priority?: number, cancellable?: Cancel): Promise<any>;
        /** Returns `undefined` if there is no message. */
        try_recv(): any;

        send_bytes(bytes: Bytes, timeout?: number, cancellable?: Cancel): boolean;
        send_bytes_async(bytes: Bytes, priority?: number, cancellable?: Cancel): Promise<boolean>;
        send_data(data: Uint8Array, timeout?: number, cancellable?: Cancel): boolean;
        send_json(json: string, timeout?: number, cancellable?: Cancel): boolean;
        send_pickle(data: Uint8Array, timeout?: number, cancellable?: Cancel): boolean;
        send_message(message: Message, timeout?: number, cancellable?: Cancel): boolean;
        send_message_async(message: Message, priority?: number, cancellable?: Cancel): Promise<boolean>;
        send_shareable(shareable: Shareable, timeout?: number, cancellable?: Cancel): boolean;
        recv_bytes(maximum?: number, timeout?: number, cancellable?: Cancel): Uint8Array;
        recv_bytes_async(maximum?: number, priority?: number, cancellable?: Cancel): Promise<Uint8Array>;
        try_recv_bytes(maximum?: number): Uint8Array | undefined;
        recv_data(timeout?: number, cancellable?: Cancel): Uint8Array;
        recv_json(timeout?: number, cancellable?: Cancel): string;
        recv_pickle(timeout?: number, cancellable?: Cancel): Uint8Array;
        recv_message(timeout?: number, cancellable?: Cancel): Message;
        recv_message_async(priority?: number, cancellable?: Cancel): Promise<Message>;
        recv_shareable(timeout?: number, cancellable?: Cancel): Shareable;

        poll(timeout?: number, cancellable?: Cancel): boolean;
        flush(timeout?: number, cancellable?: Cancel): boolean;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
        start(priority?: number): void;
        close_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        create_source(cancellable?: Cancel): GLib.Source;
        values(priority?: number): Loop<any>;
        [Symbol.iterator](): Iterator<any>;
        [Symbol.asyncIterator](): AsyncIterator<any>;
    }

    interface Listener {
        accept(timeout?: number, cancellable?: Cancel): Connection;
        accept_async(priority?: number, cancellable?: Cancel): Promise<Connection>;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
        start(priority?: number): void;
        connections(priority?: number): Loop<Connection>;
        [Symbol.iterator](): Iterator<Connection>;
        [Symbol.asyncIterator](): AsyncIterator<Connection>;
    }

    interface Connector {
        open(timeout?: number, cancellable?: Cancel): Connection;
        open_async(priority?: number, cancellable?: Cancel): Promise<Connection>;
    }

    interface Process {
        join(timeout?: number, cancellable?: Cancel): boolean;
        join_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        wait_check(timeout?: number, cancellable?: Cancel): boolean;
        wait_check_async(priority?: number, cancellable?: Cancel): Promise<boolean>;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
    }

    interface Pool {
        submit(name: string, value?: Value, timeout?: number, cancellable?: Cancel): any;
        submit_async(name: string, value?: Value, priority?: number, cancellable?: Cancel): Promise<any>;
        stop(finishTasks?: boolean, timeout?: number, cancellable?: Cancel): boolean;
        stop_async(finishTasks?: boolean, priority?: number, cancellable?: Cancel): Promise<boolean>;
        iterate(timeout?: number): void;
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
    }

    interface PoolWorker {
        get_task(timeout?: number, cancellable?: Cancel): PoolTask;
        get_task_async(priority?: number, cancellable?: Cancel): Promise<PoolTask>;
        tasks(priority?: number): Loop<PoolTask>;
    }

    interface PoolTask {
        readonly value: any;
        return_value(value: Value): boolean;
        set_progress(fraction: number, text?: string | null): boolean;
    }

    function pool_work(functions: {readonly [name: string]: (value: any) => Value | void}): void;
    function pool_work_async(functions: {readonly [name: string]: (value: any) => Value | void | Promise<Value | void>}): Promise<void>;

    function queue_open(uri: string, parameters?: Record<string, string | number | boolean>): Queue;
    function queue_open_async(uri: string, parameters?: Record<string, string | number | boolean>,
        priority?: number, cancellable?: Cancel): Promise<Queue>;
    function pipe(duplex?: boolean): [Connection, Connection];
    function connect(address: string, key?: Bytes | null, timeout?: number, cancellable?: Cancel): Connection;
    function connect_async(address: string, key?: Bytes | null, priority?: number, cancellable?: Cancel): Promise<Connection>;
    interface Waitable {
        wait(condition: Condition, flags?: WaitFlags, timeout?: number, cancellable?: Cancel): boolean;
    }

    function wait(objects: Waitable[], flags?: WaitFlags, timeout?: number, cancellable?: Cancel): Waitable[];
    function wait_async(objects: Waitable[], timeout?: number, priority?: number, cancellable?: Cancel): Promise<Waitable[]>;
}
}
