"""Stand-in for a wiki in a data-centre edition.

It keeps the operational contract: set-up pages and ``confluence.cfg.xml``, ``/status``, the TCP cluster
port with a shared secret, the cluster safety number and its panic, the journal that feeds an index on
every node and its recovery at start-up, rolling upgrades, health checks, and the REST routes for spaces,
pages, attachments, properties, people and search.

Modules, lowest first:

* :mod:`understudy.confluence.settings`, :mod:`understudy.confluence.configfile` - what a node is told and
  what it remembers;
* :mod:`understudy.confluence.schema`, :mod:`understudy.confluence.spaces`,
  :mod:`understudy.confluence.content`, :mod:`understudy.confluence.attachments` - what it holds;
* :mod:`understudy.confluence.markup`, :mod:`understudy.confluence.render` - storage format and JSON;
* :mod:`understudy.confluence.cql`, :mod:`understudy.confluence.journal`,
  :mod:`understudy.confluence.recovery` - search;
* :mod:`understudy.confluence.membership`, :mod:`understudy.confluence.safety`,
  :mod:`understudy.confluence.upgrade` - the cluster;
* :mod:`understudy.confluence.node` - one node put together;
* the routes: :mod:`understudy.confluence.setup`, :mod:`understudy.confluence.rest_content` and others of
  that prefix, :mod:`understudy.confluence.pages`;
* :mod:`understudy.confluence.app` - the process.
"""
