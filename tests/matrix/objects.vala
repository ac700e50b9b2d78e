/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects that Vala puts and gets in the matrix; see tests/js/test-matrix.js. */

class MpMatrixInner : Object
{
  public int number { get; set; }

  public MpMatrixInner (int number)
  {
    Object (number: number);
  }
}

class MpMatrixThing : Object
{
  public string? text { get; set; }
  public string? nothing { get; set; }
  public int number { get; set; }
  public double fraction { get; set; }
  public bool truth { get; set; }
  public FileType kind { get; set; }
  public ConverterFlags options { get; set; }
  public string[] words { get; set; }
  public MpMatrixInner? inner { get; set; }
  public ListModel? things { get; set; }
  public Variant? extra { get; set; }
}

/* Known in all languages, but not enabled. */
class MpMatrixDisabled : MpMatrixInner
{
  public MpMatrixDisabled (int number)
  {
    base (number);
  }
}

/* Known only in this language. */
class MpMatrixUnknownOfVala : Object
{
}

MpMatrixThing make (MpMatrixInner inner)
{
  var things = new GLib.ListStore (typeof (MpMatrixInner));
  things.append (new MpMatrixInner (1));
  things.append (new MpMatrixInner (2));

  return new MpMatrixThing () {
    text = "häß 😀",
    number = int.MIN,
    fraction = 0.1,
    truth = true,
    kind = FileType.DIRECTORY,
    options = ConverterFlags.INPUT_AT_END | ConverterFlags.FLUSH,
    words = { "one", "", "three" },
    inner = inner,
    things = things,
    extra = new Variant ("(si)", "a", 5)
  };
}

void put_object (Mp.Queue values, string name, Object object) throws Error
{
  values.put (name);
  values.put_message (new Mp.Message.object (object));
}

void put (Mp.Queue values) throws Error
{
  put_object (values, "thing", make (new MpMatrixInner (7)));
  put_object (values, "unknown", new MpMatrixUnknownOfVala ());
  put_object (values, "disabled", new MpMatrixDisabled (7));
  put_object (values, "disabled inside", make (new MpMatrixDisabled (7)));
}

string numbers_of (ListModel things)
{
  string text = "";

  for (uint i = 0; i < things.get_n_items (); i++)
    text += @" $(((MpMatrixInner) things.get_item (i)).number)";
  return text;
}

/* Everything about a thing, as one text. */
string content (MpMatrixThing thing)
{
  string words = string.joinv (",", thing.words);

  return @"$(thing.get_type ().name ()) $(thing.text) $(thing.nothing == null) $(thing.number) "
    + @"$(thing.fraction) $(thing.truth) $(thing.kind) $((int) thing.options) $words "
    + @"$(thing.inner.get_type ().name ()) $(thing.inner.number)$(numbers_of (thing.things)) "
    + thing.extra.print (true);
}

string check_thing (Mp.Message message) throws Error
{
  string got = content ((MpMatrixThing) message.get_object (typeof (MpMatrixThing)));
  string wanted = content (make (new MpMatrixInner (7)));

  return got == wanted ? "" : @"$got is not $wanted";
}

string check_refused (Mp.Message message, string name) throws Error
{
  try {
    message.get_object (typeof (Object));
  } catch (Mp.Error.UNSUPPORTED e) {
    return name in e.message ? "" : e.message;
  }
  return "it is not refused";
}

string check (Mp.Message message, string name) throws Error
{
  switch (name) {
  case "thing":
    return check_thing (message);
  case "unknown":
    return check_refused (message, "MpMatrixUnknownOf");
  default:
    return check_refused (message, "MpMatrixDisabled");
  }
}

void get (Mp.Queue values) throws Error
{
  var results = (Mp.Queue) Mp.inherit ("results");

  Mp.serializable_enable (typeof (MpMatrixThing));
  Mp.serializable_enable (typeof (MpMatrixInner));
  typeof (MpMatrixDisabled).ensure ();
  foreach (var value in values) {
    string name = (string) value;
    results.put (new Variant ("(ss)", name, check (values.get_message (), name)));
  }
}

int main (string[] args)
{
  try {
    var values = (Mp.Queue) Mp.inherit ("values");
    if (args[1] == "put")
      put (values);
    else
      get (values);
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }

  return 0;
}
