"""Stand-in for the companion that lets several people edit one page at once.

It keeps the operational contract of the stand-alone cluster: at least two nodes, the environment of the
image, the ports for clients (8091) and between nodes (5701, 25500), ``/synchrony/heartbeat``, and a
websocket below the service path, which a balancer must let through. Sources: Atlassian, "Configuring
Synchrony for Data Center" and "Set up a Synchrony cluster for Confluence Data Center"; the chart
``confluence`` of the public repository atlassian/data-center-helm-charts.

What goes over the websocket is this stand-in's own; the product's protocol is not public. The address is
``<service path>/v1/bayeux-sync1``. Every message is a JSON object with a ``type``:

``join`` (client): ``document``, ``token``, and ``since``, the last revision known, after a reconnect
    The answer is ``state`` with ``revision`` and ``text``; with ``since`` it is every ``edit`` after that.
``edit`` (client): ``document``, ``base``, ``id``, ``operation``
    ``base`` is the revision the operation was made on, ``id`` the client's own name for it. Sent twice
    with one id, it counts once. The answer is ``ack`` with ``id`` and ``revision``, sent once the edit is
    committed to the database.
``edit`` (server): ``document``, ``revision``, ``operation``, ``author``, ``id``
    To every client of the document on every node, the author included, in the order of the revisions.
``error`` (server): ``message``
    The message before it was wrong; the connection stays.

An operation is a list that walks over the text from its start: a positive number keeps so many characters,
a negative one removes so many, and a text is inserted. What follows its end is kept.

Tokens are those of :mod:`understudy.kit.edit_tokens`. Modules, lowest first:
:mod:`understudy.synchrony.operations`, :mod:`understudy.synchrony.settings`, :mod:`understudy.synchrony.documents`,
:mod:`understudy.synchrony.hub`, :mod:`understudy.synchrony.app`.
"""
