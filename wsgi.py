from webapp import create_app
from webapp.doors import mount

app = mount(create_app())
