"""Understudy of an issue tracker: keeps the operational contract of Jira Data Center.

Modules, by what they hold:

* :mod:`understudy.jira.settings`, :mod:`understudy.jira.configfiles` - environment and the files made of it;
* :mod:`understudy.jira.schema`, :mod:`understudy.jira.properties` - tables and application properties;
* :mod:`understudy.jira.registry`, :mod:`understudy.jira.locks`, :mod:`understudy.jira.upgrades` - the
  cluster: nodes, cluster locks, upgrades without downtime;
* :mod:`understudy.jira.issues`, :mod:`understudy.jira.issuerows`, :mod:`understudy.jira.attachments`,
  :mod:`understudy.jira.projects` - content;
* :mod:`understudy.jira.jql`, :mod:`understudy.jira.jqlquery` - the query language;
* :mod:`understudy.jira.documents`, :mod:`understudy.jira.indexing`, :mod:`understudy.jira.recovery`,
  :mod:`understudy.jira.snapshots`, :mod:`understudy.jira.snappy` - the search index of the node;
* :mod:`understudy.jira.setup` - the set-up pages of the first run;
* :mod:`understudy.jira.pages` and the modules whose names begin with ``rest`` - routes;
* :mod:`understudy.jira.site`, :mod:`understudy.jira.node` - all of it together.
"""
