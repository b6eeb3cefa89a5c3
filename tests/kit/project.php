<?php
// A Symfony project with the files of `mercure-deploy kit` in it, as its owner would have it: for PHPUnit, and to serve.
//
//   phpunit --bootstrap project.php PROJECT/tests      php -S 127.0.0.1:8001 serve.php       with these variables:
//
//   SYMFONY      the folder of the packages
//   PROJECT      that of the project: the files of the kit, app.env
//   APP_VAR      cache and log
namespace App;

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Bundle\MercureBundle\MercureBundle;
use Symfony\Bundle\SecurityBundle\SecurityBundle;
use Symfony\Bundle\TwigBundle\TwigBundle;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\Dotenv\Dotenv;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

require __DIR__.'/../php/packages.php';
require __DIR__.'/../app/composer.php';
foreach (glob(getenv('SYMFONY').'/Twig/Resources/*.php') as $file) {
    require_once $file;
}
spl_autoload_register(static function (string $class): void {
    foreach (['App\\Tests\\' => '/tests/', 'App\\' => '/src/'] as $prefix => $folder) {
        if (str_starts_with($class, $prefix) && is_file($file = getenv('PROJECT').$folder.strtr(substr($class, \strlen($prefix)), '\\', '/').'.php')) {
            require $file;

            return;
        }
    }
});

final class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        return [new FrameworkBundle(), new TwigBundle(), new SecurityBundle(), new MercureBundle()];
    }

    public function getProjectDir(): string
    {
        return getenv('PROJECT');
    }

    public function getCacheDir(): string
    {
        return getenv('APP_VAR').'/cache-'.$this->environment;
    }

    public function getLogDir(): string
    {
        return getenv('APP_VAR').'/log';
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', [
            'secret' => 'of no use here',
            'http_method_override' => false,
            'handle_all_throwables' => true,
            'php_errors' => ['log' => true],
            'trusted_proxies' => '127.0.0.1',
            'trusted_headers' => ['x-forwarded-for', 'x-forwarded-proto'],
            'session' => 'test' === $this->environment
                ? ['storage_factory_id' => 'session.storage.factory.mock_file']
                : ['handler_id' => null, 'save_path' => getenv('APP_VAR').'/sessions', 'cookie_secure' => 'auto', 'cookie_samesite' => 'lax'],
        ] + ('test' === $this->environment ? ['test' => true] : []));
        $container->extension('twig', ['default_path' => getenv('PROJECT').'/templates', 'strict_variables' => true]);
        $container->extension('security', [
            'password_hashers' => ['Symfony\Component\Security\Core\User\InMemoryUser' => 'plaintext'],
            'providers' => ['readers' => ['memory' => ['users' => [
                'jane' => ['password' => 'jane', 'roles' => ['ROLE_USER']],
                'joe' => ['password' => 'joe', 'roles' => ['ROLE_USER']],
            ]]]],
            'firewalls' => ['main' => [
                'lazy' => true,
                'provider' => 'readers',
                'json_login' => ['check_path' => 'login'],
                'logout' => ['path' => '/logout', 'target' => '/signed-out'],
            ]],
        ]);
        $container->import(getenv('PROJECT').'/config/packages/mercure.yaml');
        $services = $container->services()->defaults()->autowire()->autoconfigure();
        $services->load('App\\', getenv('PROJECT').'/src/');
        if (class_exists(Pages::class)) {
            $services->set(Pages::class)->public();
        }
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->import(getenv('PROJECT').'/config/routes/*.yaml');
        $login = $routes->add('login', '/login')->methods(['POST']);
        $routes->add('logout', '/logout');
        if (class_exists(Pages::class)) {
            // what comes after a login
            $login->controller([Pages::class, 'signed_out']);
            foreach (['page' => '/', 'signed_out' => '/signed-out', 'publish' => '/publish', 'download' => '/file', 'asset' => '/assets/{name}', 'fragment' => '/fragment', 'loop' => '/loop'] as $name => $path) {
                $routes->add($name, $path)->controller([Pages::class, $name]);
            }
        }
    }
}

(new Dotenv())->load(getenv('PROJECT').'/app.env');
$_SERVER['KERNEL_CLASS'] = $_ENV['KERNEL_CLASS'] = Kernel::class;
