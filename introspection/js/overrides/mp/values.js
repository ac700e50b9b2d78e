// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Conversion between native values and messages.
//
// A value is sent as JSON text if JSON can represent it, since JSON.stringify () and JSON.parse ()
// are an order of magnitude faster than building a GLib.Variant. Values that JSON cannot represent
// (bytes, BigInt, Map, -0, NaN and the infinities) are sent as a GLib.Variant.

// Each file here is wrapped in one function, whose body is not indented: a name at the top level of
// such a file is looked up at each use, and the compiler optimizes less. Inside a function, a put
// of a small object takes a third of the time.

var forModule = (function (Array, JSON, Number, Object) {

const {GLib, GObject} = imports.gi;

// The nesting limits of JSON in the library, and of a GLib.Variant of variants.
const MAX_NESTING_OF_JSON = 128;
const MAX_NESTING_OF_VARIANTS = 61;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

let Mp;

// --- Values that JSON can say ------------------------------------------------------------

function unsupported(message) {
    return new GLib.Error(Mp.Error, Mp.Error.UNSUPPORTED, message);
}

function isUnsupported(error) {
    return error instanceof GLib.Error && error.matches(Mp.Error, Mp.Error.UNSUPPORTED);
}

function isPlainObject(value) {
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
}

// A number that represents an integer exactly is an integer in all languages; any other number is a
// float.
function isInteger(number) {
    return Number.isSafeInteger(number) && (number !== 0 || 1 / number > 0);
}

function fitsJson(value, nesting) {
    switch (typeof value) {
    case 'string':
    case 'boolean':
        return true;
    case 'number':
        return Number.isInteger(value) ? isInteger(value) : Number.isFinite(value);
    case 'object':
        return value === null || containerFitsJson(value, nesting);
    default:
        return false;
    }
}

function containerFitsJson(container, nesting) {
    const isArray = Array.isArray(container);
    if (!isArray && !isPlainObject(container))
        return false;
    if (nesting === MAX_NESTING_OF_JSON)
        throw unsupported('The value refers to itself, or is nested too deeply');

    if (isArray) {
        for (let i = 0; i < container.length; i++) {
            if (!fitsJson(container[i], nesting + 1))
                return false;
        }
    } else {
        for (const key in container) {
            if (!fitsJson(container[key], nesting + 1))
                return false;
        }
    }
    return true;
}

// Returns JSON text, or undefined for a value that JSON cannot represent.
function toJson(value) {
    return fitsJson(value, 0) ? JSON.stringify(value) : undefined;
}

// An integer of 9e15 or more, which may be too large for a number.
const LARGE_INTEGER = /(?:^|[^.\d])(?:9\d{15}|\d{17})/;

function fromJson(text) {
    return text.length > 15 && LARGE_INTEGER.test(text) ? fromJsonWithBigInt(text) : JSON.parse(text);
}

// Returns a character that does not occur in the text, not even as an escape sequence.
function findMark(text) {
    for (let code = 0xe000; code < 0xf8ff; code++) {
        const mark = String.fromCharCode(code);
        const escaped = `\\u${code.toString(16)}`;
        if (!text.includes(mark) && !text.toLowerCase().includes(escaped))
            return mark;
    }
    throw unsupported('The JSON text uses every private character');
}

function endOfString(text, start) {
    let end = start;
    for (;;) {
        end = text.indexOf('"', end + 1);
        let backslash = end;
        while (text[backslash - 1] === '\\')
            backslash--;
        if ((end - backslash) % 2 === 0)
            return end + 1;
    }
}

// Large integers are replaced by marked strings, which JSON.parse () can read, and which are then
// converted to BigInts.
function fromJsonWithBigInt(text) {
    const mark = findMark(text);
    const token = /"|-?\d[\d.eE+-]*/g;
    let marked = '';
    let done = 0;
    let match;

    while ((match = token.exec(text)) !== null) {
        if (match[0] === '"') {
            token.lastIndex = endOfString(text, match.index);
        } else if (/^-?\d+$/.test(match[0]) && !Number.isSafeInteger(Number(match[0]))) {
            marked += `${text.slice(done, match.index)}"${mark}${match[0]}"`;
            done = token.lastIndex;
        }
    }

    return JSON.parse(marked + text.slice(done), (_key, value) =>
        typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(1)) : value);
}

// --- Values as GLib.Variant --------------------------------------------------------------

function nameOf(value) {
    if (typeof value !== 'object')
        return typeof value;
    return value.constructor?.name || 'Object';
}

function packNumber(number) {
    return isInteger(number)
        ? GLib.Variant.new_int64(number)
        : GLib.Variant.new_double(number);
}

function packBigInt(integer) {
    if (integer >= INT64_MIN && integer <= INT64_MAX)
        return GLib.Variant.new_int64(integer);
    if (integer >= 0n && integer <= UINT64_MAX)
        return GLib.Variant.new_uint64(integer);
    throw unsupported(`The integer ${integer} does not fit 64 bits`);
}

function packString(string) {
    // JSON can represent both.
    if (/[\0\p{Surrogate}]/u.test(string))
        throw unsupported('A GVariant holds no string with a NUL or half of a surrogate pair');
    return GLib.Variant.new_string(string);
}

function packBytes(bytes) {
    const owned = bytes instanceof GLib.Bytes ? bytes : new GLib.Bytes(bytes);
    return GLib.Variant.new_from_bytes(new GLib.VariantType('ay'), owned, true);
}

function packMap(map, nesting) {
    const members = {};
    for (const [key, value] of map) {
        if (typeof key !== 'bigint' && !(typeof key === 'number' && isInteger(key)))
            throw unsupported('A Map has a form in other languages when its keys are integers');
        if (key < INT64_MIN || key > INT64_MAX)
            throw unsupported(`The key ${key} does not fit 64 bits`);
        members[key] = pack(value, nesting);
    }
    return new GLib.Variant('a{xv}', members);
}

function packObject(object, nesting) {
    const entries = Object.entries(object).map(([key, value]) => GLib.Variant.new_dict_entry(
        packString(key), GLib.Variant.new_variant(pack(value, nesting))));
    return GLib.Variant.new_array(new GLib.VariantType('{sv}'), entries);
}

function packContainer(value, nesting) {
    if (value instanceof GLib.Variant)
        return value;
    if (value instanceof Uint8Array || value instanceof GLib.Bytes)
        return packBytes(value);
    if (nesting === MAX_NESTING_OF_VARIANTS)
        throw unsupported('The value refers to itself, or is nested too deeply');
    if (Array.isArray(value))
        return new GLib.Variant('av', Array.from(value, item => pack(item, nesting + 1)));
    if (value instanceof Map)
        return packMap(value, nesting + 1);
    if (isPlainObject(value))
        return packObject(value, nesting + 1);
    throw unsupported(`A value of the type ${nameOf(value)} cannot be represented in other languages`);
}

function pack(value, nesting) {
    switch (typeof value) {
    case 'boolean':
        return GLib.Variant.new_boolean(value);
    case 'number':
        return packNumber(value);
    case 'bigint':
        return packBigInt(value);
    case 'string':
        return packString(value);
    case 'object':
        return value === null ? new GLib.Variant('mv', null) : packContainer(value, nesting);
    default:
        throw unsupported(`A value of the type ${typeof value} cannot be represented in other languages`);
    }
}

// The bindings would round a 64-bit integer; its text form is exact.
function unpackInteger(variant) {
    const integer = BigInt(variant.print(false));
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : integer;
}

function* childrenOf(variant) {
    const n = variant.n_children();
    for (let i = 0; i < n; i++)
        yield variant.get_child_value(i);
}

function unpackEntry(entry) {
    return [unpack(entry.get_child_value(0)), unpack(entry.get_child_value(1))];
}

function unpackDictionary(variant, keyType) {
    const entries = Array.from(childrenOf(variant), unpackEntry);
    return 'sog'.includes(keyType) ? Object.fromEntries(entries) : new Map(entries);
}

function unpackArray(variant, type) {
    if (type === 'ay')
        return variant.get_data_as_bytes().toArray().slice();
    if (type[1] === '{')
        return unpackDictionary(variant, type[2]);
    return Array.from(childrenOf(variant), unpack);
}

function unpack(variant) {
    const type = variant.get_type_string();
    switch (type[0]) {
    case 'b':
        return variant.get_boolean();
    case 'd':
        return variant.get_double();
    case 's':
    case 'o':
    case 'g':
        return variant.get_string()[0];
    case 'v':
        return unpack(variant.get_variant());
    case 'm':
        return variant.n_children() > 0 ? unpack(variant.get_child_value(0)) : null;
    case 'a':
        return unpackArray(variant, type);
    case '(':
        return Array.from(childrenOf(variant), unpack);
    case '{':
        return Object.fromEntries([unpackEntry(variant)]);
    case 'y':
        return variant.get_byte();
    default:
        return unpackInteger(variant);
    }
}

// --- Values and messages -----------------------------------------------------------------

function toMessage(value) {
    if (value instanceof Mp.Message)
        return value;
    if (value instanceof GLib.Variant)
        return Mp.Message.new_variant(value);
    if (value instanceof Uint8Array || value instanceof GLib.Bytes)
        return Mp.Message.new_bytes(value);
    if (value instanceof GObject.Object)
        return Mp.Message.new_object(value);

    const json = toJson(value);
    return json !== undefined
        ? Mp.Message.new_json(json)
        : Mp.Message.new_variant(pack(value, 0));
}

function fromMessage(message) {
    switch (message.get_format()) {
    case Mp.Format.BYTES:
        return message.get_bytes();
    case Mp.Format.OBJECT:
        return message.get_object(GObject.Object.$gtype);
    default:
        try {
            return fromJson(message.get_json());
        } catch (error) {
            if (!isUnsupported(error))
                throw error;
        }
        return unpack(message.get_variant());
    }
}

// The library converts a GVariant to JSON faster than a script can read the GVariant.
function fromVariant(variant) {
    return fromMessage(Mp.Message.new_variant(variant));
}

// The functions for others, given the module Mp.
return function (module) {
    Mp = module;
    return {isUnsupported, toJson, fromJson, unpack, toMessage, fromMessage, fromVariant};
};

})(Array, JSON, Number, Object);
