/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What Vala puts and gets in the matrix of values; see tests/js/test-matrix.js. */

const string REFUSED = "refused";

Variant nest (int depth)
{
  Variant value = (int64) 1;

  for (int i = 0; i < depth; i++)
    value = new Variant.array (VariantType.VARIANT, { new Variant.variant (value) });
  return value;
}

/* Puts the value in a list in a dictionary: each kind of value is also put that way. */
Variant inside (Variant value)
{
  var list = new Variant.array (VariantType.VARIANT, { new Variant.variant (value) });
  var entry = new Variant.dict_entry ("in", new Variant.variant (list));

  return new Variant.array (new VariantType ("{sv}"), { entry });
}

string json_inside (string json)
{
  return "{\"in\":[%s]}".printf (json);
}

void put_json (Mp.Queue values, string name, string json) throws Error
{
  values.put (name);
  values.put_json (json);
}

void put_variant (Mp.Queue values, string name, Variant value) throws Error
{
  values.put (name);
  values.put (value);
}

void put (KeyFile cases, Mp.Queue values) throws Error
{
  foreach (string name in cases.get_keys ("variant")) {
    var value = Variant.parse (null, cases.get_value ("variant", name));
    put_variant (values, name, value);
    put_variant (values, name + " inside", inside (value));
  }
  foreach (string name in cases.get_keys ("nested")) {
    var value = nest (cases.get_integer ("nested", name));
    put_variant (values, name, value);
    put_variant (values, name + " inside", inside (value));
  }
  foreach (string name in cases.get_keys ("json")) {
    var json = cases.get_value ("json", name);
    put_json (values, name, json);
    put_json (values, name + " inside", json_inside (json));
  }
  try {
    values.put (nest (10000));
    assert_not_reached ();
  } catch (Mp.Error.INVALID_MESSAGE e) {
  }
  values.put ("opaque");
  values.put_message (new Mp.Message.opaque (new Bytes ({ 1 }), "dill"));
}

/* Returns the next message as text: as a GVariant, or else as JSON, or else "refused". */
string got (Mp.Queue values, bool is_opaque) throws Error
{
  Mp.Message message = values.get_message ();

  try {
    return message.get_variant ().print (true);
  } catch (Mp.Error e) {
    if (is_opaque && !("dill" in e.message))
      throw e;
  }
  try {
    return message.get_json ();
  } catch (Mp.Error e) {
    return REFUSED;
  }
}

string expected (KeyFile cases, string name, bool is_inside) throws Error
{
  if (cases.has_group ("json") && cases.has_key ("json", name)) {
    var json = cases.get_value ("json", name);
    return is_inside ? json_inside (json) : json;
  }
  Variant value;
  if (cases.has_key ("variant", name))
    value = Variant.parse (null, cases.get_value ("variant", name));
  else if (cases.has_key ("nested", name))
    value = nest (cases.get_integer ("nested", name));
  else
    return REFUSED;
  return (is_inside ? inside (value) : value).print (true);
}

void get (KeyFile cases, Mp.Queue values) throws Error
{
  var results = (Mp.Queue) Mp.inherit ("results");

  foreach (var value in values) {
    string name = (string) value;
    bool is_inside = name.has_suffix (" inside");
    string a = got (values, name == "opaque");
    string b = expected (cases, name.replace (" inside", ""), is_inside);
    string difference = a == b ? "" : @"$a is not $b";
    results.put (new Variant ("(ss)", name, difference));
  }
}

int main (string[] args)
{
  try {
    var cases = new KeyFile ();
    cases.load_from_file (args[1], KeyFileFlags.NONE);
    var values = (Mp.Queue) Mp.inherit ("values");
    if (args[2] == "put")
      put (cases, values);
    else
      get (cases, values);
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }

  return 0;
}
