"""The shape of everything people and Telamon write to one another: the stack file, its status, operations.

One section of the stack file a module. Models are frozen and strict: a key nobody knows, a number in quotes or a unit
left out is an error, never a guess. In YAML and JSON the keys are camelCase, in Python snake_case.

Where to look:
    * :mod:`telamon.model.stack` puts the sections together.
    * :mod:`telamon.model.base` says how a field is documented; the JSON schema, ``telamon explain`` and the field
      reference are made of nothing else.
    * :mod:`telamon.model.profile` describes an application of one's own.
    * :mod:`telamon.model.status` and :mod:`telamon.model.operation` are what Telamon answers and is asked to do.

Traps:
    * No product is named here. What only one product knows is checked by that product
      (:meth:`telamon.products.base.Product.check`).
    * A model checks one value at a time. What spans values is a rule of :mod:`telamon.stackfile.rules`.
    * Validate data that came as JSON with ``model_validate_json``: strict models take a list for a sequence only there.
"""
