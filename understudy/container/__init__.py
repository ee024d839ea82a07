"""What the official images do before they start their product, and where they fail.

``python -m understudy.container jira`` is the entry point of a stand-in's image. It looks at what a pod has mounted, as
the product would find it, ends with a message where the product would not come up, and becomes the stand-in otherwise.
What Tomcat and Confluence read from files is taken from these files, and no longer from the variables out of which the
official images write them only when root starts them.

:mod:`understudy.container.java` and :mod:`understudy.container.keytool` stand for the two programs of the Java
environment that pods call by name.
"""
