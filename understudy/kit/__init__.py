"""What every understudy shares: settings, life cycle, web edge, accounts, database, mesh and index.

Modules, lowest first (each may use those above it in this list, never those below):

* :mod:`understudy.kit.errors` - the exception tree;
* :mod:`understudy.kit.settings` - environment variables and releases;
* :mod:`understudy.kit.homes` - files that survive a power cut;
* :mod:`understudy.kit.lifecycle` - the states of a node;
* :mod:`understudy.kit.database` - PostgreSQL behind a JDBC address;
* :mod:`understudy.kit.frames`, :mod:`understudy.kit.cluster` - authenticated TCP between nodes;
* :mod:`understudy.kit.index`, :mod:`understudy.kit.follower` - the search index and what feeds it;
* :mod:`understudy.kit.html`, :mod:`understudy.kit.web` - pages and routes;
* :mod:`understudy.kit.accounts`, :mod:`understudy.kit.sessions`, :mod:`understudy.kit.logins` - people;
* :mod:`understudy.kit.static_files` - the setting for a content delivery network;
* :mod:`understudy.kit.edit_tokens` - what the wiki and its companion agree on;
* :mod:`understudy.kit.control`, :mod:`understudy.kit.main` - the process itself.
"""
